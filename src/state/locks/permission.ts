import { AlcidesError, Exit } from "../../errors.ts"
import { describeLease } from "../failures.ts"
import type { Head } from "../records/heads.ts"
import type { Locks } from "./locks.ts"
import { stateLock } from "../names.ts"
import * as rules from "../records/state-record.ts"
import type { StateRecord } from "../records/state-record.ts"
import type { Lease, LeaseId } from "../store.ts"

// In milliseconds. A lease that was held this long ago is asked for again.
const leaseCheckedFor = 5_000

/** Gives the head on which one writer may write, with what the lease leaves there. Throws `state-locked` or `lease-lost`. */
export type Permission = (head: Head) => Promise<StateRecord>

/**
 * Who may write a state file: whoever holds its lock, or anyone while nobody does.
 *
 * The order matters: the head is read first, then the lock is looked at, then the head is swapped. Whoever takes the lock moves the head
 * before using it, so that the swap is lost and the lock is looked at again; for the same head once is enough.
 */
export function writePermission(
  name: string,
  { lease, locks }: { readonly lease: LeaseId | undefined; readonly locks: Locks },
): Permission {
  let last: { readonly tag: string; readonly asked: number; readonly allowed: StateRecord } | undefined
  return async (head) => {
    const asked = performance.now()
    if (last?.tag === head.tag && (lease === undefined || asked - last.asked < leaseCheckedFor)) return last.allowed
    const allowed =
      lease === undefined ? await withoutLease(name, { head, locks }) : await underLease(name, { head, lease, locks })
    last = { tag: head.tag, asked, allowed }
    return allowed
  }
}

async function withoutLease(
  name: string,
  { head, locks }: { readonly head: Head; readonly locks: Locks },
): Promise<StateRecord> {
  if (!rules.isGuarded(head.record)) return head.record
  const holder = (await locks.held(stateLock(name))).find(({ exclusive }) => exclusive)
  if (holder !== undefined) throw stateLocked(name, holder)
  return rules.unguard(head.record)
}

async function underLease(
  name: string,
  { head, lease: { id }, locks }: { readonly head: Head; readonly lease: LeaseId; readonly locks: Locks },
): Promise<StateRecord> {
  const lease = await locks.ownLease(id)
  if (lease === undefined) return withoutLease(name, { head, locks })
  const fenced = rules.fence(head.record, lease)
  // Whoever else holds it exclusively is an ancestor of this lease, or was granted beside it.
  if (lease.lock === stateLock(name) && lease.exclusive) return fenced
  const own = new Set([lease.id, ...(await locks.ancestors(lease))])
  const holder = (await locks.held(stateLock(name))).find(
    (other) => other.exclusive && !own.has(other.id) && other.parent !== lease.id,
  )
  if (holder !== undefined) throw stateLocked(name, holder)
  return fenced
}

/** Somebody else holds the state file's lock. */
export function stateLocked(name: string, holder: Lease): AlcidesError {
  return new AlcidesError({
    code: "state-locked",
    message: `${JSON.stringify(name)} is locked by ${describeLease(holder)}`,
    hint: `wait until it is released, or write under the lock: alcides lock run --name ${stateLock(name)} -- …`,
    exit: Exit.notLocked,
  })
}
