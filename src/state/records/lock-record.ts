import * as z from "zod/mini"
import type { Change } from "./records.ts"
import { publicWriter, writerSchema } from "./state-record.ts"
import type { Holder, Lease, LeaseAnswer, LeaseRequest, LockStatus } from "../store.ts"

/** How long a place in the queue is kept for a waiter that does not ask again, in milliseconds. */
export const waiterKept = 30_000
// A waiter that polls often writes only this often that it is still there.
const waiterRefresh = 5_000

const text = z.string()

const leaseSchema = () =>
  z.strictObject({
    id: text,
    exclusive: z.boolean(),
    description: text,
    holder: z.extend(writerSchema, {
      host: z.optional(text),
      process: z.optional(z.strictObject({ pid: z.int(), started: text, machine: text })),
    }),
    parent: z.optional(text),
    token: z.int(),
    acquired: text,
    expires: text,
    idempotencyKey: text,
  })

const waiterSchema = () => z.strictObject({ idempotencyKey: text, exclusive: z.boolean(), seen: text })

/**
 * One lock: who holds it, who waits in which order, and the last fencing token given. Made when the first lock is read: each part of
 * a schema takes as long to make as reading a small file, and many commands lock nothing.
 */
export const lockRecordSchema = z.lazy(() =>
  z.strictObject({
    format: z.literal(1),
    project: text,
    lock: text,
    token: z.int(),
    leases: z.array(leaseSchema()),
    queue: z.array(waiterSchema()),
    broken: z.optional(z.strictObject({ by: text, at: text, reason: z.optional(text) })),
  }),
)

export type LockRecord = z.output<typeof lockRecordSchema>
type LeaseRecord = LockRecord["leases"][number]
/** Milliseconds, by the store's clock. */
type Now = { readonly now: number }

/** A lock that nobody asked for yet. */
export function emptyLockRecord({ project, lock }: { readonly project: string; readonly lock: string }): LockRecord {
  return { format: 1, project, lock, token: 0, leases: [], queue: [] }
}

export type Acquire = Now & {
  readonly request: LeaseRequest
  /** The id of the lease, should it be granted. */
  readonly id: string
  /** Ids of the parent lease, its parent, and so on: this request is granted beside them. */
  readonly ancestors: readonly string[]
}

/** Grants the lease, or says who is in the way and keeps the place in the queue. The same record back means nothing to write. */
export function acquireLease(
  record: LockRecord,
  { request, id, ancestors, now }: Acquire,
): Change<LockRecord, LeaseAnswer> {
  const { exclusive, idempotencyKey } = request
  const leases = live(record, now)
  // What is shared is no answer to who asks for it alone.
  const same = leases.find((lease) => lease.idempotencyKey === idempotencyKey && (lease.exclusive || !exclusive))
  if (same !== undefined) return { record, answer: { outcome: "acquired", lease: publicLease(record, same) } }

  const queue = record.queue.filter(({ seen }) => Date.parse(seen) + waiterKept > now)
  const place = queue.findIndex((waiter) => waiter.idempotencyKey === idempotencyKey)
  const ahead = place === -1 ? queue : queue.slice(0, place)
  // A child of the holder must not wait for those who wait for the holder.
  const isNested = leases.some((lease) => ancestors.includes(lease.id))
  const waitFor = isNested ? [] : ahead.filter((waiter) => exclusive || waiter.exclusive)
  const blockers = leases.filter((lease) => (exclusive || lease.exclusive) && !ancestors.includes(lease.id))

  if (blockers.length === 0 && waitFor.length === 0) {
    const lease = grant(record, { request, id, now })
    const { token } = lease
    // Whoever else holds it is an ancestor, and goes on writing beside its child.
    const beside = exclusive ? leases.map((other) => ({ ...other, token })) : leases
    const others = queue.filter((waiter) => waiter.idempotencyKey !== idempotencyKey)
    const next = { ...record, token, leases: [...beside, lease], queue: others }
    return { record: next, answer: { outcome: "acquired", lease: publicLease(next, lease) } }
  }
  const answer: LeaseAnswer = {
    outcome: "blocked",
    by: blockers.map((lease) => publicLease(record, lease)),
    ahead: ahead.length,
  }
  const waiter = { idempotencyKey, exclusive, seen: iso(now) }
  const seen = queue[place]?.seen
  if (!request.queue || (seen !== undefined && now - Date.parse(seen) < waiterRefresh)) return { record, answer }
  return { record: { ...record, leases, queue: place === -1 ? [...queue, waiter] : queue.with(place, waiter) }, answer }
}

function grant(
  record: LockRecord,
  { request, id, now }: Now & { readonly request: LeaseRequest; readonly id: string },
): LeaseRecord {
  const { exclusive, description, holder, parent, ttl, idempotencyKey } = request
  return {
    id,
    exclusive,
    description,
    holder: { ...holder },
    ...(parent !== undefined && { parent }),
    token: exclusive ? record.token + 1 : record.token,
    acquired: iso(now),
    expires: iso(now + ttl * 1000),
    idempotencyKey,
  }
}

/** Extends a lease, never shortens it; `undefined` when it is no longer held. */
export function renewLease(
  record: LockRecord,
  {
    id,
    ttl,
    description,
    now,
  }: Now & { readonly id: string; readonly ttl: number; readonly description: string | undefined },
): Change<LockRecord, Lease> | undefined {
  const lease = live(record, now).find((lease) => lease.id === id)
  if (lease === undefined) return undefined
  const expires = iso(Math.max(Date.parse(lease.expires), now + ttl * 1000))
  const renewed = { ...lease, expires, ...(description !== undefined && { description }) }
  const leases = record.leases.map((other) => (other.id === id ? renewed : other))
  return { record: { ...record, leases }, answer: publicLease(record, renewed) }
}

/** Ends a lease; `undefined` when it is no longer held. */
export function releaseLease(
  record: LockRecord,
  { id, now }: Now & { readonly id: string },
): Change<LockRecord, undefined> | undefined {
  const leases = live(record, now)
  if (!leases.some((lease) => lease.id === id)) return undefined
  return { record: { ...record, leases: leases.filter((lease) => lease.id !== id) }, answer: undefined }
}

/** Takes a request back: its place in the queue, and the lease in case it was granted after all. */
export function withdrawRequest(record: LockRecord, idempotencyKey: string): LockRecord {
  const queue = record.queue.filter((waiter) => waiter.idempotencyKey !== idempotencyKey)
  const leases = record.leases.filter((lease) => lease.idempotencyKey !== idempotencyKey)
  const same = queue.length === record.queue.length && leases.length === record.leases.length
  return same ? record : { ...record, queue, leases }
}

/** Ends these leases, or else every one, and remembers who did that. Those who wait keep their places. */
export function breakLease(
  record: LockRecord,
  {
    by,
    reason,
    only,
    now,
  }: Now & { readonly by: string; readonly reason: string | undefined; readonly only: readonly string[] | undefined },
): Change<LockRecord, readonly Lease[]> {
  const isMeant = ({ id }: { readonly id: string }): boolean => only?.includes(id) ?? true
  const ended = heldLeases(record, now).filter(isMeant)
  if (ended.length === 0) return { record, answer: ended }
  const broken = { by, at: iso(now), ...(reason !== undefined && { reason }) }
  const leases = live(record, now).filter((lease) => !isMeant(lease))
  return { record: { ...record, leases, broken }, answer: ended }
}

/** The leases that are held now. */
export function heldLeases(record: LockRecord, now: number): readonly Lease[] {
  return live(record, now).map((lease) => publicLease(record, lease))
}

/** A lock as people and programs see it. */
export function lockStatus(record: LockRecord, now: number): LockStatus {
  const { lock, queue, broken } = record
  const waiting = queue.filter(({ seen }) => Date.parse(seen) + waiterKept > now).length
  return {
    lock,
    leases: heldLeases(record, now),
    waiting,
    ...(broken !== undefined && {
      broken: { by: broken.by, at: broken.at, ...(broken.reason !== undefined && { reason: broken.reason }) },
    }),
  }
}

function live(record: LockRecord, now: number): LeaseRecord[] {
  return record.leases.filter(({ expires }) => Date.parse(expires) > now)
}

function publicLease({ lock }: LockRecord, lease: LeaseRecord): Lease {
  const { id, exclusive, description, holder, parent, token, acquired, expires } = lease
  return {
    id,
    lock,
    exclusive,
    description,
    holder: publicHolder(holder),
    ...(parent !== undefined && { parent }),
    token,
    acquired,
    expires,
  }
}

function publicHolder({ host, process, ...writer }: LeaseRecord["holder"]): Holder {
  return { ...publicWriter(writer), ...(host !== undefined && { host }), ...(process !== undefined && { process }) }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
