import { isTerminal } from "./color.ts"
import type { Io } from "./io.ts"
import { AlcidesError, usageError } from "../errors.ts"
import { printable } from "./printable.ts"

/** Asks on the terminal before something that is hard to undo. Throws `confirmation-needed` without a terminal, `declined` at a no. */
export async function confirm({
  io,
  question,
  yes,
}: {
  readonly io: Io
  readonly question: string
  /** The value of `--yes`. */
  readonly yes: boolean | undefined
}): Promise<void> {
  if (yes === true) return
  if (!isTerminal(io.stdin)) {
    throw usageError({
      code: "confirmation-needed",
      message: `this asks first, and there is no terminal to ask on: ${question}`,
      hint: "add --yes to answer it here",
    })
  }
  const { createInterface } = await import("node:readline/promises")
  const terminal = createInterface({ input: io.stdin, output: io.stderr })
  try {
    // Ctrl-D closes the terminal without an answer.
    const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")))
    const answer = terminal.question(`${printable(question)} [y/N] `, { signal: io.signal })
    if (/^y(es)?$/i.test((await Promise.race([answer, closed])).trim())) return
  } finally {
    terminal.close()
  }
  throw new AlcidesError({ code: "declined", message: "not confirmed; nothing was changed" })
}
