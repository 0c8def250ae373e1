import { AlcidesError, messageOf } from "../../errors.ts"
import type { Log } from "../../log.ts"
import { leaseLost } from "../failures.ts"
import type { Lease, StateStore } from "../store.ts"

/** A lease that renews itself until it is released. */
export interface HeldLease {
  /** As of the last renewal. */
  readonly lease: Lease
  /** Aborted with `lease-lost` as soon as the lease cannot be counted on. */
  readonly signal: AbortSignal
  /** Ends the renewing and the lease. May be called twice; warns instead of throwing. */
  release(): Promise<void>
}

export type Renewing = {
  readonly store: Pick<StateStore, "renew" | "release">
  readonly lease: Lease
  /** Seconds. */
  readonly ttl: number
  /** Seconds between two renewals, at most a third of `ttl`, which is the default. */
  readonly every?: number
  /** When the request that granted it was sent, on the clock of `performance.now()`. */
  readonly since: number
  readonly log: Log
  /** Do not wait for the first renewal. */
  readonly atOnce: boolean
}

/** Renews a lease in the background, at least three times in its life, and says when it cannot be counted on any more. */
export function keepRenewing({ store, lease: first, since, log, atOnce, ...asked }: Renewing): HeldLease {
  const controller = new AbortController()
  // A store that decides by itself how long a lease lasts may give less than was asked for.
  const ttl = Math.min(asked.ttl, (Date.parse(first.expires) - Date.parse(first.acquired)) / 1000)
  const pause = Math.min(asked.every ?? ttl / 3, ttl / 3) * 1000
  let lease = first
  let ended: Promise<void> | undefined
  let renewal: NodeJS.Timeout | undefined
  let expiry: NodeJS.Timeout | undefined

  const stop = (): void => {
    clearTimeout(renewal)
    clearTimeout(expiry)
  }

  const lose = (why: AlcidesError): void => {
    stop()
    if (ended === undefined) controller.abort(why)
  }

  // Counted from before the request was sent: the store started counting later, so we stop before it does.
  const validFrom = (sent: number): void => {
    clearTimeout(expiry)
    const left = sent + ttl * 1000 - performance.now()
    expiry = setTimeout(
      () => lose(leaseLost({ lease: lease.id, why: "no renewal got through in time" })),
      Math.max(0, left),
    )
    expiry.unref()
  }

  const renewIn = (ms: number): void => {
    renewal = setTimeout(() => void renew(), ms)
    renewal.unref()
  }

  const renew = async (): Promise<void> => {
    const sent = performance.now()
    try {
      const renewed = await store.renew(lease.id, { ttl })
      if (ended !== undefined || controller.signal.aborted) return
      lease = renewed
      validFrom(sent)
      renewIn(pause * (0.85 + Math.random() * 0.15))
    } catch (error) {
      if (ended !== undefined || controller.signal.aborted) return
      if (error instanceof AlcidesError && error.code === "lease-lost") return lose(error)
      log.warn(`could not renew the lease on ${lease.lock} (${messageOf(error)}); trying again`)
      renewIn(Math.min(pause, (ttl * 1000) / 10))
    }
  }

  const release = async (): Promise<void> => {
    stop()
    if (controller.signal.aborted) return
    try {
      await store.release(lease.id)
    } catch (error) {
      log.warn(`could not release the lock ${lease.lock} (${messageOf(error)}); it is free at ${lease.expires}`)
    }
  }

  validFrom(since)
  renewIn(atOnce ? 0 : pause)
  return {
    get lease() {
      return lease
    },
    signal: controller.signal,
    release: () => (ended ??= release()),
  }
}
