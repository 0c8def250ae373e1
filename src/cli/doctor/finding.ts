import { AlcidesError, messageOf } from "../../errors.ts"

/** What one look found. A `fail` would make a run fail; a `warn` may. */
export type Finding = {
  readonly check: string
  readonly result: "ok" | "warn" | "fail"
  readonly fact: string
  readonly hint?: string
}

/** The finding for something that was thrown. */
export function thrown(check: string, error: unknown): Finding {
  const hint = error instanceof AlcidesError ? error.hint : undefined
  return { check, result: "fail", fact: messageOf(error), ...(hint !== undefined && { hint }) }
}
