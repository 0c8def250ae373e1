/** The server's clock, as its answers tell it. */
export interface ServerClock {
  /** Takes note of one answer. Times are those of `performance.now()`. */
  answered(answer: { readonly date: string | undefined; readonly sent: number; readonly received: number }): void
  /** Milliseconds since 1970; `undefined` while no answer has come. */
  now(): number | undefined
}

/**
 * A clock that is never ahead of the server's, so that nobody's lease is taken for over too early.
 * The `Date` header has whole seconds only: each answer bounds the time from both sides, and the bounds of all answers together are narrower.
 */
export function serverClock(monotonic: () => number = () => performance.now()): ServerClock {
  let earliest = Number.NEGATIVE_INFINITY
  let latest = Number.POSITIVE_INFINITY
  return {
    answered({ date, sent, received }) {
      const time = Date.parse(date ?? "")
      if (Number.isNaN(time)) return
      const [from, to] = [time - received, time + 1000 - sent]
      const contradicts = from > latest || to < earliest
      earliest = contradicts ? from : Math.max(earliest, from)
      latest = contradicts ? to : Math.min(latest, to)
    },
    now: () => (earliest === Number.NEGATIVE_INFINITY ? undefined : Math.floor(monotonic() + earliest)),
  }
}
