/** The server's clock, as its answers tell it. */
export interface ServerClock {
  /** Takes note of one answer. Times are those of `performance.now()`. */
  answered(answer: { readonly date: string | undefined; readonly sent: number; readonly received: number }): void
  /** Milliseconds since 1970; `undefined` while no answer has come. */
  now(): number | undefined
}

/** By how much the server is ahead of the monotonic clock: between these. */
type Bounds = { readonly least: number; readonly most: number }

/**
 * A clock that is never ahead of the server's, so that nobody's lease is taken for over too early.
 * The `Date` header has whole seconds only: each answer bounds the time from both sides, and together they bound it more narrowly.
 */
export function serverClock(monotonic: () => number = () => performance.now()): ServerClock {
  let known: Bounds | undefined
  let doubted: Bounds | undefined
  return {
    answered({ date, sent, received }) {
      const time = Date.parse(date ?? "")
      if (Number.isNaN(time)) return
      const told = { least: time - received, most: time + 1000 - sent }
      const agreed = known === undefined ? told : both(known, told)
      // Clocks are set, and machines sleep. But one answer alone against all before it, perhaps of something in between, moves nothing.
      if (agreed !== undefined) known = agreed
      else if (doubted !== undefined) known = both(doubted, told) ?? known
      doubted = agreed === undefined ? told : undefined
    },
    now: () => (known === undefined ? undefined : Math.floor(monotonic() + known.least)),
  }
}

function both(a: Bounds, b: Bounds): Bounds | undefined {
  const bounds = { least: Math.max(a.least, b.least), most: Math.min(a.most, b.most) }
  return bounds.least <= bounds.most ? bounds : undefined
}
