import { constants } from "node:os"
import { AlcidesError } from "../errors.ts"

/** A program that was ended because its signal was aborted, or not started any more. */
export function aborted(label: string, cause: unknown): AlcidesError {
  return new AlcidesError({
    code: "program-aborted",
    message: `${label} was ended${cause instanceof Error ? `: ${cause.message}` : ""}`,
    cause,
  })
}

/** A program that could not be started at all. */
export function notStarted(
  label: string,
  { originalMessage, cause }: { readonly originalMessage?: string | undefined; readonly cause?: unknown },
): AlcidesError {
  return new AlcidesError({
    code: "program-failed",
    message: `${label} could not be started: ${originalMessage?.split("\n", 1)[0] ?? "unknown reason"}`,
    hint: "try it by hand in the same folder; a script needs its #! line",
    cause,
  })
}

/** The exit code, 128+n for a signal. */
export function exitCodeOf({
  exitCode,
  signal,
}: {
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
}): number {
  if (exitCode !== undefined) return exitCode
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1]
  return number === undefined ? 1 : 128 + number
}
