import { leaseLost, storeDamaged } from "../failures.ts"
import { inParallel } from "../in-parallel.ts"
import { lockKey, lockKeyOfLease, locksFolder, newLeaseId } from "../keys.ts"
import * as rules from "../records/lock-record.ts"
import type { LockRecord } from "../records/lock-record.ts"
import { assertLockName, formatProject } from "../names.ts"
import type { ObjectStore, StoredRecord } from "../objects.ts"
import { parseRecord, readRecord, recordPlace, updateRecord, type Change } from "../records/records.ts"
import type { Lease, Project, StateStore } from "../store.ts"

// A guard against what nobody should have written: an effect nests its own leases, one a lock.
const deepestNesting = 256
const readAtOnce = 16

/** What the state files ask of the locks. */
export interface Locks {
  /** Throws `lease-lost` unless the lease is held now; `undefined` when it is another project's, where it says nothing of this one's files. */
  ownLease(leaseId: string): Promise<Lease | undefined>
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
  // Of the leases that were granted here: a parent never changes, and need not be asked for.
  const parents = new Map<string, string | undefined>()
  const at = (key: string) => ({
    objects,
    key,
    parse: (text: string) => parseRecord({ text, schema: rules.lockRecordSchema, where: recordPlace(objects, key) }),
  })

  const assertOwn = (record: LockRecord, lock: string): LockRecord => {
    if (record.lock === lock && record.project === formatProject(project)) return record
    const where = recordPlace(objects, lockKey(project, lock))
    throw storeDamaged({
      where,
      what: `is the record of the lock ${JSON.stringify(record.lock)} of ${record.project}, not of ${JSON.stringify(lock)}`,
    })
  }

  const find = async (leaseId: string): Promise<{ readonly lease: Lease; readonly isOwn: boolean } | undefined> => {
    const key = lockKeyOfLease(leaseId)
    const { record } = key === undefined ? { record: undefined } : await readRecord({ ...at(key), seen })
    if (record === undefined || record.leases.length === 0) return undefined
    const lease = rules.heldLeases(record, await objects.now()).find(({ id }) => id === idOf(leaseId))
    return lease && { lease, isOwn: record.project === formatProject(project) }
  }

  const assertHeld = async (leaseId: string): Promise<{ readonly lease: Lease; readonly isOwn: boolean }> => {
    const found = await find(leaseId)
    if (found === undefined) throw leaseLost({ lease: leaseId, why: notHeld })
    return found
  }

  const ancestors = async ({ parent }: Pick<Lease, "parent">): Promise<readonly string[]> => {
    const ids: string[] = []
    for (let next = parent; next !== undefined && ids.length < deepestNesting;) {
      ids.push(next)
      next = parents.has(next) ? parents.get(next) : (await find(next))?.lease.parent
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
    change: (
      record: LockRecord,
      at: { readonly id: string; readonly now: number },
    ) => Change<LockRecord, A> | undefined,
  ): Promise<A> => {
    const key = lockKeyOfLease(leaseId)
    if (key === undefined) throw leaseLost({ lease: leaseId, why: "no lease ever had this id" })
    return updateRecord({ ...at(key), seen }, async (before) => {
      const changed = before === undefined ? undefined : change(before, { id: idOf(leaseId), now: await objects.now() })
      if (changed === undefined) throw leaseLost({ lease: leaseId, why: notHeld })
      return changed
    })
  }

  return {
    held,
    ancestors,

    async ownLease(leaseId) {
      const { lease, isOwn } = await assertHeld(leaseId)
      return isOwn ? lease : undefined
    },

    async acquire(asked) {
      const { lease: parent } = asked.parent === undefined ? {} : await assertHeld(asked.parent)
      const above = parent === undefined ? [] : [parent.id, ...(await ancestors(parent))]
      const request = { ...asked, ...(parent !== undefined && { parent: parent.id }) }
      const id = newLeaseId(project, request.lock)
      const answer = await updateLock(request.lock, (record, now) =>
        rules.acquireLease(record, { request, id, ancestors: above, now }),
      )
      if (answer.outcome === "acquired") parents.set(answer.lease.id, answer.lease.parent)
      return answer
    },

    async withdraw(lock, idempotencyKey) {
      await updateLock(lock, (record) => ({ record: rules.withdrawRequest(record, idempotencyKey), answer: undefined }))
    },

    async renew(leaseId, { ttl, description }) {
      return updateLease(leaseId, (record, at) => rules.renewLease(record, { ...at, ttl, description }))
    },

    async release(leaseId) {
      parents.delete(idOf(leaseId))
      await updateLease(leaseId, rules.releaseLease)
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

    async break(lock, { by, reason, leases }) {
      const only = leases?.map(({ id }) => idOf(id))
      return updateLock(lock, (record, now) => rules.breakLease(record, { by, reason, only, now }))
    },
  }
}

// UUIDs are the same in either case, and people paste them.
const idOf = (leaseId: string): string => leaseId.toLowerCase()

const notHeld = "its time ran out, or it was released or broken"
