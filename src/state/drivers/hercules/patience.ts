import { setTimeout as sleep } from "node:timers/promises"
import type { AlcidesError } from "../../../errors.ts"

/** How long a driver goes on trying. All in milliseconds. */
export type Patience = {
  /** No attempt begins later than this after the first one. */
  readonly deadline: number
  /** Without a byte, until a connection is given up. */
  readonly silence: number
  /** The second attempt's pause at most; each further one is twice as long. */
  readonly firstPause: number
}

export const usualPatience: Patience = { deadline: 120_000, silence: 30_000, firstPause: 250 }

const mostAttempts = 8

/** What came of one attempt: an answer, or a failure that another attempt may mend, after so many milliseconds at least. */
export type Outcome<T> = { readonly done: T } | { readonly again: AlcidesError; readonly after?: number | undefined }

/** Tries until it is done, pausing longer and longer. Throws the last failure when patience ends. */
export async function withPatience<T>(attempt: () => Promise<Outcome<T>>, patience: Patience): Promise<T> {
  const end = performance.now() + patience.deadline
  for (let turn = 1; ; turn += 1) {
    const outcome = await attempt()
    if ("done" in outcome) return outcome.done
    // Many that failed at the same moment must not come back at the same moment.
    const own = patience.firstPause * 2 ** (turn - 1) * (0.5 + Math.random() / 2)
    const pause = Math.max(own, outcome.after ?? 0)
    if (turn === mostAttempts || performance.now() + pause > end) throw outcome.again
    await sleep(pause)
  }
}

/** Whether the same request may succeed later. */
export function mayRecover(status: number): boolean {
  return [408, 421, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505)
}

/** A `Retry-After` header in milliseconds from now: a number of seconds, or a date. See RFC 9110, 10.2.3. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
