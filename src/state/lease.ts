import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { AlcidesError, Exit } from "../errors.ts"
import type { Log } from "../log.ts"
import { describeLease } from "./failures.ts"
import { keepRenewing, type HeldLease } from "./renewal.ts"
import type { LeaseAnswer, LeaseRequest, StateStore } from "./store.ts"

export type { HeldLease } from "./renewal.ts"

/** How long a lease lasts without a renewal, in seconds. */
export const defaultTtl = 60

// In milliseconds. The first in the queue asks about every half second at most; the others ask less often the further back they are.
const pollFloor = 250
const pollCeiling = 500
const pollLongest = 5_000

export type HoldRequest = Omit<LeaseRequest, "ttl" | "idempotencyKey" | "queue"> & {
  /** Seconds. Default: `defaultTtl`. */
  readonly ttl?: number
  readonly idempotencyKey?: string
}

export type Blocked = Extract<LeaseAnswer, { readonly outcome: "blocked" }>

export type HoldOptions = {
  /** Wait for it: for as long as it takes, not at all, or this many seconds. */
  readonly wait: boolean | number
  readonly log: Log
  /** Ends the waiting: what it was aborted with is thrown, and the place in the queue is given up. */
  readonly signal?: AbortSignal
  /** Called when it must wait, and again when somebody else is in the way. */
  readonly onWaiting?: (blocked: Blocked) => void
}

/** Acquires a lock, waiting in arrival order, and keeps it renewed in the background. Throws `lock-not-obtained`. */
export async function holdLease(store: StateStore, request: HoldRequest, options: HoldOptions): Promise<HeldLease> {
  const { wait, log, signal, onWaiting } = options
  const asked: LeaseRequest = {
    ...request,
    ttl: request.ttl ?? defaultTtl,
    idempotencyKey: request.idempotencyKey ?? randomUUID(),
    queue: wait !== false,
  }
  const patience = wait === true ? Number.POSITIVE_INFINITY : wait === false ? 0 : wait * 1000
  const started = performance.now()
  let told = ""
  try {
    for (let turn = 0; ; turn += 1) {
      signal?.throwIfAborted()
      const since = performance.now()
      const answer = await store.acquire(asked)
      if (answer.outcome === "acquired") {
        // A repeated request may have been answered with a lease that is about to end.
        const held = keepRenewing({
          store,
          lease: answer.lease,
          ttl: asked.ttl,
          since,
          log,
          atOnce: request.idempotencyKey !== undefined,
        })
        if (signal?.aborted !== true) return held
        await held.release()
        signal.throwIfAborted()
      } else {
        const left = started + patience - performance.now()
        if (left <= 0) throw lockNotObtained({ lock: request.lock, blocked: answer, waited: wait })
        const now = JSON.stringify([answer.by.map(({ id }) => id), answer.ahead])
        if (now !== told) onWaiting?.(answer)
        told = now
        await sleep(Math.min(left, pollDelay({ turn, ahead: answer.ahead })), undefined, { signal }).catch(() => {})
      }
    }
  } catch (error) {
    // Also when the answer got lost: the lease may have been granted all the same.
    await store
      .withdraw(asked.lock, asked.idempotencyKey)
      .catch(() => log.debug(`could not leave the queue of ${asked.lock}; the place is dropped soon`))
    throw error
  }
}

function pollDelay({ turn, ahead }: { readonly turn: number; readonly ahead: number }): number {
  const own = Math.min(pollCeiling, pollFloor * 1.2 ** Math.min(turn, 10))
  return Math.min(pollLongest, own + ahead * pollCeiling) * (0.75 + Math.random() / 4)
}

function lockNotObtained({
  lock,
  blocked,
  waited,
}: {
  readonly lock: string
  readonly blocked: Blocked
  readonly waited: boolean | number
}): AlcidesError {
  const { by, ahead } = blocked
  const [first] = by
  const others = by.length > 1 ? `, and ${by.length - 1} more` : ""
  const who =
    first === undefined ? `about to go to one of ${ahead} who asked before` : `held by ${describeLease(first)}${others}`
  const after = typeof waited === "number" ? ` after ${waited} seconds` : ""
  return new AlcidesError({
    code: "lock-not-obtained",
    message: `the lock ${JSON.stringify(lock)} was not obtained${after}: it is ${who}`,
    hint: "wait longer, or, when its holder is surely dead, `alcides lock break`",
    exit: Exit.notLocked,
  })
}
