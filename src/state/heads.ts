import { storeDamaged } from "./failures.ts"
import { stateKeys } from "./keys.ts"
import type { ObjectStore, StoredRecord } from "./objects.ts"
import { parseRecord, readRecord, updateRecord, type Change } from "./records.ts"
import { emptyStateRecord, stateRecordSchema, type StateRecord } from "./state-record.ts"
import type { Project } from "./store.ts"

/** The head records of one project's state files. */
export interface Heads {
  read(name: string): Promise<StateRecord | undefined>
  /** `change` is asked again whenever another writer was in between; giving back the same record writes nothing. */
  update<A>(name: string, change: (record: StateRecord) => Promise<Change<StateRecord, A>>): Promise<A>
}

/** Head records over any driver. */
export function headRecords({ objects, project }: { readonly objects: ObjectStore; readonly project: Project }): Heads {
  const seen = new Map<string, StoredRecord>()
  const at = (name: string) => {
    const { head: key } = stateKeys(project, name)
    return { objects, key, seen, parse: parseHead({ where: `${objects.url}/${key}`, name }) }
  }
  return {
    read: (name) => readRecord(at(name)),
    update: (name, change) => updateRecord(at(name), (before) => change(before ?? emptyStateRecord(name))),
  }
}

/** Reads the text of a head record. Throws `store-damaged` when it is another state file's. */
export function parseHead({
  where,
  name,
}: {
  readonly where: string
  readonly name?: string
}): (text: string) => StateRecord {
  return (text) => {
    const record = parseRecord({ text, schema: stateRecordSchema, where })
    if (name === undefined || record.name === name) return record
    throw storeDamaged({
      where,
      what: `is the record of ${JSON.stringify(record.name)}, not of ${JSON.stringify(name)}`,
    })
  }
}
