import { setTimeout as sleep } from "node:timers/promises"

/** How long a driver goes on after failures. Times in milliseconds. */
export type Limits = {
  /** No attempt begins later than this after the first one. */
  readonly deadline: number
  /** The second attempt's pause at most; each further one is twice as long. */
  readonly firstPause: number
  readonly longestPause: number
  readonly mostAttempts: number
}

export type Failed = {
  readonly code: string
  /** Milliseconds, when the server told. */
  readonly retryAfter?: number | undefined
}

/** The attempts at one operation. */
export interface Patience<F extends Failed> {
  /** Waits before another attempt; false when there should be none. */
  another(failure: F): Promise<boolean>
}

/** Exponential back-off with full jitter, or what `Retry-After` says. `attemptsFor`: what fails so may be tried so often. */
export function patience<F extends Failed>(
  { deadline, firstPause, longestPause, mostAttempts }: Limits,
  attemptsFor: (failure: F) => number = () => mostAttempts,
): Patience<F> {
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

/** The headers of an answer that ask for patience. */
export type Asked = {
  readonly after: string | undefined
  /** When the server answered, by its own clock: a date in `after` means that clock, and not this machine's. */
  readonly date: string | undefined
}

/** A `Retry-After` header in milliseconds: a number of seconds, or a date. See RFC 9110, 10.2.3. */
export function retryAfter({ after = "", date = "" }: Asked): number | undefined {
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.parse(date)
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
