import { setTimeout as sleep } from "node:timers/promises"
import { attemptsFor, type Failure } from "./failures.ts"

// In milliseconds.
const deadline = 60_000
const firstPause = 100
const longestPause = 5_000
const mostAttempts = 16

/** How long one operation goes on after failures. */
export interface Patience {
  /** Waits before another attempt; false when there should be none. */
  another(failure: Failure): Promise<boolean>
}

/** Exponential back-off with full jitter, or what `Retry-After` says; about a minute in all. */
export function patience(): Patience {
  const started = performance.now()
  let attempts = 0
  // What fails for one reason and then for another has not failed twice for the second.
  const failed = new Map<string, number>()
  return {
    async another(failure) {
      attempts += 1
      const times = (failed.get(failure.code) ?? 0) + 1
      failed.set(failure.code, times)
      if (attempts >= mostAttempts || times >= attemptsFor(failure)) return false
      const jittered = Math.random() * Math.min(longestPause, firstPause * 2 ** (attempts - 1))
      const pause = failure.retryAfter ?? jittered
      if (performance.now() - started + pause > deadline) return false
      await sleep(pause)
      return true
    },
  }
}
