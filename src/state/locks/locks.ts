import { leaseLost, storeDamaged } from "../failures.ts"
import { inParallel } from "../in-parallel.ts"
import { lockKey, lockKeyOfLease, locksFolder, newLeaseId } from "../keys.ts"
import * as rules from "../records/lock-record.ts"
import type { LockRecord } from "../records/lock-record.ts"
import { assertLockName, formatProject } from "../names.ts"
import type { ObjectStore, StoredRecord } from "../objects.ts"
import { parseRecord, readRecord, updateRecord, type Change } from "../records/records.ts"
import type { Lease, Project, StateStore } from "../store.ts"

const deepestNesting = 32
const readAtOnce = 16

/** What the state files ask of the locks. */
export interface Locks {
  /** Throws `lease-lost` unless the lease is held now. */
  assertHeld(leaseId: string): Promise<Lease>
  /** The held leases of one lock. */
  held(lock: string): Promise<readonly Lease[]>
  /** The ids of the lease's parent, its parent, and so on. */
  ancestors(lease: Pick<Lease, "parent">): Promise<readonly string[]>
}

type Leases = Pick<StateStore, "acquire" | "withdraw" | "renew" | "release" | "locks" | "break">

/** Locks over any driver: one record a lock, changed by compare-and-swap; the time is the store's. */
export function lockStore({
  objects,
  project,
}: {
  readonly objects: ObjectStore
  readonly project: Project
}): Leases & Locks {
  const seen = new Map<string, StoredRecord>()
  const at = (key: string) => ({
    objects,
    key,
    parse: (text: string) => parseRecord({ text, schema: rules.lockRecordSchema, where: `${objects.url}/${key}` }),
  })

  const assertOwn = (record: LockRecord, lock: string): LockRecord => {
    if (record.lock === lock && record.project === formatProject(project)) return record
    const where = `${objects.url}/${lockKey(project, lock)}`
    throw storeDamaged({
      where,
      what: `is the record of the lock ${JSON.stringify(record.lock)} of ${record.project}, not of ${JSON.stringify(lock)}`,
    })
  }

  const find = async (leaseId: string): Promise<Lease | undefined> => {
    const key = lockKeyOfLease(leaseId)
    const { record } = key === undefined ? { record: undefined } : await readRecord({ ...at(key), seen })
    if (record === undefined || record.leases.length === 0) return undefined
    return rules.heldLeases(record, await objects.now()).find(({ id }) => id === leaseId)
  }

  const assertHeld = async (leaseId: string): Promise<Lease> => {
    const lease = await find(leaseId)
    if (lease === undefined) throw leaseLost({ lease: leaseId, why: notHeld })
    return lease
  }

  const ancestors = async ({ parent }: Pick<Lease, "parent">): Promise<readonly string[]> => {
    const ids: string[] = []
    for (let next = parent; next !== undefined && ids.length < deepestNesting;) {
      ids.push(next)
      next = (await find(next))?.parent
    }
    return ids
  }

  const held = async (lock: string): Promise<readonly Lease[]> => {
    const { record } = await readRecord({ ...at(lockKey(project, lock)), seen })
    if (record === undefined || record.leases.length === 0) return []
    return rules.heldLeases(assertOwn(record, lock), await objects.now())
  }

  const updateLock = <A>(
    lock: string,
    change: (record: LockRecord, now: number) => Change<LockRecord, A>,
  ): Promise<A> => {
    assertLockName(lock)
    const key = lockKey(project, lock)
    return updateRecord({ ...at(key), seen }, async (before) => {
      const record =
        before === undefined
          ? rules.emptyLockRecord({ project: formatProject(project), lock })
          : assertOwn(before, lock)
      return change(record, await objects.now())
    })
  }

  const updateLease = <A>(
    leaseId: string,
    change: (record: LockRecord, now: number) => Change<LockRecord, A> | undefined,
  ): Promise<A> => {
    const key = lockKeyOfLease(leaseId)
    if (key === undefined) throw leaseLost({ lease: leaseId, why: "no lease ever had this id" })
    return updateRecord({ ...at(key), seen }, async (before) => {
      const changed = before === undefined ? undefined : change(before, await objects.now())
      if (changed === undefined) throw leaseLost({ lease: leaseId, why: notHeld })
      return changed
    })
  }

  return {
    assertHeld,
    held,
    ancestors,

    async acquire(request) {
      if (request.parent !== undefined) await assertHeld(request.parent)
      const above = await ancestors(request)
      const id = newLeaseId(project, request.lock)
      return updateLock(request.lock, (record, now) =>
        rules.acquireLease(record, { request, id, ancestors: above, now }),
      )
    },

    async withdraw(lock, idempotencyKey) {
      await updateLock(lock, (record) => ({ record: rules.withdrawRequest(record, idempotencyKey), answer: undefined }))
    },

    async renew(leaseId, { ttl, description }) {
      return updateLease(leaseId, (record, now) => rules.renewLease(record, { id: leaseId, ttl, description, now }))
    },

    async release(leaseId) {
      await updateLease(leaseId, (record, now) => rules.releaseLease(record, { id: leaseId, now }))
    },

    async locks() {
      const folder = locksFolder(project)
      const found = await inParallel(await objects.children(folder), {
        atOnce: readAtOnce,
        act: async (child) => (await readRecord(at(`${folder}/${child}`))).record ?? [],
      })
      const records = found.flat().filter((record) => record.project === formatProject(project))
      if (records.length === 0) return []
      const now = await objects.now()
      return records
        .map((record) => rules.lockStatus(record, now))
        .filter(({ leases, waiting, broken }) => leases.length > 0 || waiting > 0 || broken !== undefined)
        .toSorted((a, b) => (a.lock < b.lock ? -1 : 1))
    },

    async break(lock, { by, reason }) {
      return updateLock(lock, (record, now) => rules.breakLease(record, { by, reason, now }))
    },
  }
}

const notHeld = "its time ran out, or it was released or broken"
