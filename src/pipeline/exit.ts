import { Exit, type AlcidesError, type ExitCode } from "../errors.ts"
import type { EffectReport } from "./run-one.ts"

// The worst for the user comes first: what needs a person at once.
const worst = [Exit.stateAtRisk, Exit.notRolledBack]
const others = [Exit.partOfFleet, Exit.rolledBack, Exit.notLocked, Exit.usage]

/** The exit code of a whole run. That a newer commit was deployed already is no failure. */
export function exitOf({
  effects,
  ended,
}: {
  readonly effects: readonly EffectReport[]
  readonly ended: AlcidesError | undefined
}): ExitCode {
  const codes = new Set(
    effects.flatMap(({ status, error }) => (status === "failed" ? [error?.exit ?? Exit.failed] : [])),
  )
  // Ended when all was done is no failure, unless it was by an error of an effect that nobody waited for.
  const missing = effects.some(({ status }) => status === "skipped")
  if (ended !== undefined && (missing || ended.exit !== Exit.failed)) codes.add(ended.exit)
  const urgent = worst.find((code) => codes.has(code))
  if (urgent !== undefined) return urgent
  if (codes.size === 0) return Exit.done
  if (effects.some(({ status }) => status === "succeeded")) return Exit.partOfFleet
  return others.find((code) => codes.has(code)) ?? Exit.failed
}
