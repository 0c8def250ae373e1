import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { thisProcess } from "../../exec/this-process.ts"
import type { Log } from "../../log.ts"
import { lockNotObtained } from "./lease-failures.ts"
import { keepRenewing, type HeldLease } from "./renewal.ts"
import type { Lease, LeaseAnswer, LeaseRequest, StateStore } from "../store.ts"

export type { HeldLease } from "./renewal.ts"

/** How long a lease lasts without a renewal, in seconds. */
export const defaultTtl = 60

// In seconds. A lease that was broken is noticed at the next renewal; over a network each of them is a request that somebody pays for.
const renewEvery = { local: 5, remote: 10 }

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

export type WaitOptions = {
  /** Wait for it: for as long as it takes, not at all, or this many seconds. */
  readonly wait: boolean | number
  readonly log: Log
  /** Ends the waiting: what it was aborted with is thrown, and the place in the queue is given up. */
  readonly signal?: AbortSignal
  /** Called when it must wait, and again when somebody else is in the way. */
  readonly onWaiting?: (blocked: Blocked) => void
}

/** Acquires a lock, waiting in arrival order, and keeps it renewed in the background. Throws `lock-not-obtained`. */
export async function holdLease(store: StateStore, request: HoldRequest, options: WaitOptions): Promise<HeldLease> {
  // Whoever comes later on this machine can tell from it that the holder was killed.
  const holder = { ...request.holder, process: await thisProcess() }
  const { lease, since } = await obtainLease(store, { ...request, holder }, options)
  return keepRenewing({
    store,
    lease,
    ttl: request.ttl ?? defaultTtl,
    every: store.url.startsWith("file:") ? renewEvery.local : renewEvery.remote,
    since,
    log: options.log,
    // A repeated request may have been answered with a lease that is about to end.
    atOnce: request.idempotencyKey !== undefined,
  })
}

/** Acquires a lock, waiting in arrival order; nobody renews it. Throws `lock-not-obtained`. */
export async function obtainLease(
  store: StateStore,
  request: HoldRequest,
  { wait, log, signal, onWaiting }: WaitOptions,
): Promise<{
  readonly lease: Lease
  /** When the request was sent that was granted, on the clock of `performance.now()`. */
  readonly since: number
}> {
  const asked: LeaseRequest = {
    ...request,
    holder: { host: hostname(), ...request.holder },
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
      signal?.throwIfAborted()
      if (answer.outcome === "acquired") return { lease: answer.lease, since }
      const left = started + patience - performance.now()
      if (left <= 0) throw await lockNotObtained({ store, lock: request.lock, blocked: answer, waited: wait })
      const now = JSON.stringify([answer.by.map(({ id }) => id), answer.ahead])
      if (now !== told) onWaiting?.(answer)
      told = now
      await sleep(Math.min(left, pollDelay({ turn, ahead: answer.ahead })), undefined, { signal }).catch(() => {})
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
