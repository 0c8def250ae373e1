import { AlcidesError, Exit, messageOf, type ExitCode } from "../errors.ts"
import type { Effect, PhaseName } from "./effect.ts"

export type PhaseFailure = {
  readonly effect: Effect
  readonly phase: PhaseName
  readonly error: unknown
  /** Whether the effect may have changed something outside by then. */
  readonly changed: boolean
}

/** The failure of one phase, as the failure of its effect. */
export function phaseFailed({ effect, phase, error, changed }: PhaseFailure): AlcidesError {
  const known = error instanceof AlcidesError ? error : undefined
  return new AlcidesError({
    code: known?.code ?? "effect-failed",
    message: `${effect.name}: ${phase} failed: ${messageOf(error)}`,
    cause: error,
    exit: changed ? exitAfterChange(known?.exit) : (known?.exit ?? Exit.failed),
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(known?.detail !== undefined && { detail: known.detail }),
  })
}

// An effect that rolled back, or that says how far it got, knows better than we do.
function exitAfterChange(exit: ExitCode | undefined): ExitCode {
  return exit === Exit.rolledBack || exit === Exit.partOfFleet || exit === Exit.stateAtRisk ? exit : Exit.notRolledBack
}

/** Two failures of one effect, in the order in which they happened, as one: state at risk is told first, else the first is. */
export function bothFailed(first: AlcidesError, second: AlcidesError): AlcidesError {
  return second.exit === Exit.stateAtRisk
    ? withDetail(second, `before that: ${first.message}`, first.detail)
    : withDetail(first, `and then: ${second.message}`, second.detail)
}

function withDetail({ code, message, hint, exit, cause, detail }: AlcidesError, ...more: (string | undefined)[]) {
  const lines = [detail, ...more].filter((part) => part !== undefined)
  return new AlcidesError({ code, message, exit, cause, detail: lines.join("\n"), ...(hint !== undefined && { hint }) })
}
