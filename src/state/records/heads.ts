import { storeDamaged } from "../failures.ts"
import { stateKeys } from "../keys.ts"
import type { ObjectStore, StoredRecord } from "../objects.ts"
import { lastRecord, parseRecord, readRecord, recordPlace, updateRecord, type Change, type Current } from "./records.ts"
import { emptyStateRecord, stateRecordSchema, type StateRecord } from "./state-record.ts"
import type { Project } from "../store.ts"

/** A head record, and which state of it this is. */
export type Head = { readonly record: StateRecord; readonly tag: string | "absent" }

/** The head records of one project's state files. */
export interface Heads {
  read(name: string): Promise<StateRecord | undefined>
  /** As this program saw it last, else as it is now: good enough to refuse nothing and to start a change from. */
  last(name: string): Promise<Head>
  now(name: string): Promise<Head>
  /** `change` is asked again whenever another writer was in between; giving back the same record writes nothing. */
  update<A>(name: string, change: (head: Head) => Promise<Change<StateRecord, A>>): Promise<A>
}

/** Head records over any driver. */
export function headRecords({ objects, project }: { readonly objects: ObjectStore; readonly project: Project }): Heads {
  const seen = new Map<string, StoredRecord>()
  const at = (name: string) => {
    const { head: key } = stateKeys(project, name)
    return { objects, key, seen, parse: parseHead({ where: recordPlace(objects, key), name }) }
  }
  const orEmpty = (name: string, { record, tag }: Current<StateRecord>): Head => ({
    record: record ?? emptyStateRecord(name),
    tag,
  })
  return {
    read: async (name) => (await readRecord(at(name))).record,
    last: async (name) => orEmpty(name, await lastRecord(at(name))),
    now: async (name) => orEmpty(name, await readRecord(at(name))),
    update: (name, change) => updateRecord(at(name), (record, tag) => change(orEmpty(name, { record, tag }))),
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
