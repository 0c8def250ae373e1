import { lockKeyOfLease } from "../keys.ts"
import { lockRecordSchema } from "../records/lock-record.ts"
import { parseProject } from "../names.ts"
import type { ObjectStore } from "../objects.ts"
import { parseRecord, readRecord, recordPlace } from "../records/records.ts"
import type { Project } from "../store.ts"

/** The project of a lease, which its id alone does not say; `undefined` when there is no such lease. */
export async function projectOfLease(objects: ObjectStore, leaseId: string): Promise<Project | undefined> {
  const key = lockKeyOfLease(leaseId)
  if (key === undefined) return undefined
  const where = recordPlace(objects, key)
  const parse = (text: string) => parseRecord({ text, schema: lockRecordSchema, where })
  const { record } = await readRecord({ objects, key, parse })
  return record?.leases.some(({ id }) => id === leaseId.toLowerCase()) === true
    ? parseProject(record.project)
    : undefined
}
