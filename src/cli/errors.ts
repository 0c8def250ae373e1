import { CommanderError } from "@commander-js/extra-typings"
import { AlcidesError, Exit, messageOf } from "../errors.ts"
import { printable } from "./printable.ts"
import { systemFailure } from "./system-failure.ts"

export type Failure = {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly detail?: string
  readonly exit: number
}

/** Anything thrown by the command `alcides …`, as what the user is told. A bug of ours keeps its stack, as `detail`. */
export function failureOf(error: unknown, command = "alcides"): Failure {
  if (error instanceof AlcidesError) {
    const { code, message, hint, detail, exit } = error
    return { code, message, exit, ...(hint !== undefined && { hint }), ...(detail !== undefined && { detail }) }
  }
  if (error instanceof CommanderError) return usageFailure(error, command)
  if (error instanceof Error && error.name === "AbortError" && error.cause instanceof AlcidesError)
    return failureOf(error.cause)
  const lacking = systemFailure(error)
  if (lacking !== undefined) return failureOf(lacking)
  return {
    code: "internal",
    message: `internal error: ${messageOf(error)}`,
    hint: "this is a bug in Alcides; please report it with the lines above",
    ...(error instanceof Error && typeof error.stack === "string" && { detail: error.stack }),
    exit: Exit.failed,
  }
}

// Commander says `error: unknown option '--dryrn'\n(Did you mean --dry-run?)`; we say the fact and the hint apart.
function usageFailure(error: CommanderError, command: string): Failure {
  const [fact = "", suggestion] = error.message.replace(/^error: /, "").split("\n")
  const hint =
    suggestion?.replace(/^\((.*)\)$/, "$1").replace(/^Did you mean/, "did you mean") ?? `see \`${command} --help\``
  return { code: "usage", message: fact.replace(/\.$/, ""), hint, exit: Exit.usage }
}

/** The two lines that a person reads, with the detail between them. */
export function formatFailure({ message, hint, detail }: Failure): string {
  return [
    `alcides: ${printable(message)}`,
    ...(detail === undefined
      ? []
      : detail
          .trimEnd()
          .split("\n")
          .map((line) => `  | ${line}`)),
    ...(hint === undefined ? [] : [`  hint: ${printable(hint)}`]),
  ].join("\n")
}
