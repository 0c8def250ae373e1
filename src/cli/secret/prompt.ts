import { createInterface, type Interface } from "node:readline"
import { Writable } from "node:stream"
import { usageError } from "../../errors.ts"
import { isTerminal } from "../color.ts"
import type { Io } from "../io.ts"

export interface Prompt {
  /** Asks for one line, which is not shown and is trimmed. Throws `password-missing` when it is empty or there is none. */
  ask(question: string): Promise<string>
  close(): void
}

/** Asks on standard error and reads standard input, which is not touched before the first question. */
export function openPrompt({ stdin, stderr, signal }: Io): Prompt {
  const terminal = isTerminal(stdin)
  let reader: Interface | undefined
  let lines: AsyncIterator<string> | undefined
  const open = (): AsyncIterator<string> => {
    // A terminal in readline's hands echoes to this output instead of to the screen.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
    reader = createInterface({ input: stdin, output: nowhere, terminal, signal })
    reader.once("SIGINT", () => reader?.close())
    return reader[Symbol.asyncIterator]()
  }
  return {
    async ask(question) {
      // The terminal stops echoing first, so that nothing shows of what is typed at once.
      lines ??= open()
      stderr.write(question)
      const { value, done } = await lines.next()
      stderr.write("\n")
      const answer = done === true ? "" : String(value).trim()
      if (answer !== "") return answer
      throw usageError({
        code: "password-missing",
        message: done === true ? "the input ended before a value was given" : "the value that was given is empty",
        hint: "type it at the question, or pipe it to the standard input, one line for each --password",
      })
    },
    close: () => reader?.close(),
  }
}
