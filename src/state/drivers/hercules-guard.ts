import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { silentLog } from "../../log.ts"
import { stateLock } from "../names.ts"
import { stateLocked } from "../permission.ts"
import { keepRenewing } from "../renewal.ts"
import type { Lease, LeaseId, LeaseRequest, Writer } from "../store.ts"
import type { HerculesLocks } from "./hercules-locks.ts"

/** How another put of Alcides is told from a lock that somebody holds for longer. */
const description = "alcides: a put under way"

// Milliseconds.
const longestWait = 60_000
const longestPause = 1_000
const momentAgo = 2_000
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
  /** As `confirm`, unless that was a moment ago. */
  confirmRecently(): Promise<void>
  end(): Promise<void>
}

export type Guarding = {
  readonly name: string
  readonly lease: LeaseId | undefined
  readonly writer: Writer
  readonly locks: HerculesLocks
}

/**
 * Takes the lock of a state file, beside the lease given and its parents; when that lease is the lock's own, it is enough.
 * Throws `state-locked` and `lease-lost`.
 */
export async function guardWrite(options: Guarding): Promise<WriteGuard> {
  const { name, lease, locks } = options
  const lock = stateLock(name)
  const given = lease === undefined ? undefined : locks.known(lease.id)
  if (lease !== undefined && given?.lock === lock && given.exclusive) {
    await locks.confirm(lease.id)
    // Who gave the lease renews it.
    return guardUnder(lease.id, {
      signal: new AbortController().signal,
      ask: () => locks.confirm(lease.id),
      end: async () => {},
    })
  }
  const { own, since } = await takeLock(options)
  const held = keepRenewing({ store: locks, lease: own, ttl: ownTtl, since, log: silentLog, atOnce: false })
  return guardUnder(own.id, {
    signal: held.signal,
    async ask() {
      held.signal.throwIfAborted()
      await locks.confirm(own.id)
      if (lease !== undefined) await locks.confirm(lease.id)
    },
    end: () => held.release(),
  })
}

function guardUnder(
  lease: string,
  {
    signal,
    ask,
    end,
  }: { readonly signal: AbortSignal; readonly ask: () => Promise<void>; readonly end: () => Promise<void> },
): WriteGuard {
  let asked = performance.now()
  const confirm = async (): Promise<void> => {
    const since = performance.now()
    await ask()
    asked = since
  }
  const confirmRecently = async (): Promise<void> => {
    if (performance.now() - asked > momentAgo) await confirm()
  }
  return { lease, signal, confirm, confirmRecently, end }
}

async function takeLock({
  name,
  lease,
  writer,
  locks,
}: Guarding): Promise<{ readonly own: Lease; readonly since: number }> {
  const request: LeaseRequest = {
    lock: stateLock(name),
    exclusive: true,
    description,
    holder: writer,
    ttl: ownTtl,
    idempotencyKey: randomUUID(),
    ...(lease !== undefined && { parent: lease.id }),
    queue: true,
  }
  const end = performance.now() + longestWait
  try {
    for (let turn = 0; ; turn += 1) {
      const since = performance.now()
      const answer = await locks.acquire(request)
      if (answer.outcome === "acquired") return { own: answer.lease, since }
      const holder =
        answer.by.find((other) => other.description !== description) ?? (since > end ? answer.by[0] : undefined)
      if (holder !== undefined) throw stateLocked(name, holder)
      await sleep(Math.min(longestPause, 50 * 1.5 ** turn) * (0.5 + Math.random() / 2))
    }
  } catch (error) {
    await locks.withdraw(request.lock, request.idempotencyKey).catch(() => {})
    throw error
  }
}
