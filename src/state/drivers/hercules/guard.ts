import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { AlcidesError } from "../../../errors.ts"
import { silentLog } from "../../../log.ts"
import { stateLock } from "../../names.ts"
import { stateLocked } from "../../locks/permission.ts"
import { keepRenewing } from "../../locks/renewal.ts"
import type { Lease, LeaseId, LeaseRequest, Writer } from "../../store.ts"
import type { HerculesLocks } from "./locks.ts"

/** How another put of Alcides is told from a lock that somebody holds for longer. */
const description = "alcides: a put under way"

// Milliseconds.
const longestPause = 1_000
// Seconds; the server may give less, and then that counts.
const ownTtl = 60

/** Keeps everyone who asks for the lock away from one state file, for the time of one write. */
export interface WriteGuard {
  /** Under which lease it is written. */
  readonly lease: string
  /** Aborted with `lease-lost` when the lease cannot be counted on. */
  readonly signal: AbortSignal
  /** Asks the server whether every lease is still held, and extends them. Throws `lease-lost`. */
  confirm(): Promise<void>
  end(): Promise<void>
}

export type Guarding = {
  readonly name: string
  readonly lease: LeaseId | undefined
  readonly writer: Writer
  readonly locks: HerculesLocks
  /** Milliseconds for which other puts are waited for. */
  readonly deadline: number
}

/**
 * Takes the lock of a state file, beside the lease given and its parents; when one of these is the lock's own, that is enough.
 * Throws `state-locked` and `lease-lost`.
 */
export async function guardWrite(options: Guarding): Promise<WriteGuard> {
  const { name, lease, locks } = options
  const line = lease === undefined ? [] : lineage(lease.id, locks)
  if (lease !== undefined && line.some(({ lock, exclusive }) => lock === stateLock(name) && exclusive)) {
    // Who gave the leases renews them and ends them.
    return {
      lease: lease.id,
      signal: new AbortController().signal,
      async confirm() {
        for (const { id } of line) await locks.confirm(id)
      },
      end: async () => {},
    }
  }
  const { own, since } = await takeLock(options)
  const held = keepRenewing({ store: locks, lease: own, ttl: ownTtl, since, log: silentLog, atOnce: false })
  return {
    lease: own.id,
    signal: held.signal,
    async confirm() {
      held.signal.throwIfAborted()
      await locks.confirm(own.id)
      if (lease !== undefined) await locks.confirm(lease.id)
    },
    end: () => held.release(),
  }
}

/** The lease, its parent, and so on, as far as they were granted to this program. */
function lineage(leaseId: string, locks: HerculesLocks): readonly Lease[] {
  const lease = locks.known(leaseId)
  return lease === undefined ? [] : [lease, ...(lease.parent === undefined ? [] : lineage(lease.parent, locks))]
}

async function takeLock({
  name,
  lease,
  writer,
  locks,
  deadline,
}: Guarding): Promise<{ readonly own: Lease; readonly since: number }> {
  const request: LeaseRequest = {
    lock: stateLock(name),
    exclusive: true,
    description,
    holder: writer,
    ttl: ownTtl,
    idempotencyKey: randomUUID(),
    ...(lease !== undefined && { parent: lease.id }),
    queue: false,
  }
  const end = performance.now() + deadline
  let steady: readonly Lease[] | undefined
  try {
    for (let turn = 0; ; turn += 1) {
      const since = performance.now()
      // A place in a queue is only for who stays.
      const answer = await locks.acquire({ ...request, queue: turn > 0 })
      if (answer.outcome === "acquired") return { own: answer.lease, since }
      const holder = answer.by.find((other) => other.description !== description)
      if (holder !== undefined) throw stateLocked(name, holder)
      // One put that is in the way all the time is a long one, or its program was killed: its lease tells until when.
      steady = answer.by.filter(({ id }) => steady?.some((before) => before.id === id) ?? true)
      const [longest] = steady
      if (since >= end) throw longest === undefined ? tooManyPuts(name, deadline) : stateLocked(name, longest)
      await sleep(Math.min(longestPause, 50 * 1.5 ** turn) * (0.5 + Math.random() / 2))
    }
  } catch (error) {
    await locks.withdraw(request.lock, request.idempotencyKey).catch(() => {})
    throw error
  }
}

function tooManyPuts(name: string, deadline: number): AlcidesError {
  return new AlcidesError({
    code: "store-busy",
    message: `others put ${JSON.stringify(name)} all the time, and this put had no turn for ${deadline / 1000} seconds`,
    hint: "try again when fewer programs write at the same time; nothing was changed",
  })
}
