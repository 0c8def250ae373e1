import { once } from "node:events"
import { createReadStream, createWriteStream, type ReadStream, type WriteStream } from "node:fs"
import { AlcidesError, messageOf } from "../errors.ts"

/** The files that a program gets as its standard input and output, open. */
export type OpenFiles = {
  readonly input: ReadStream | undefined
  readonly output: WriteStream | undefined
  /** To be called once the program has them, or will not get them. */
  close(): void
}

/** The program itself reads and writes them: a full disk is its failure, and nothing is copied on the way. Throws `program-failed`. */
export async function openFiles({
  inputFile,
  outputFile,
}: {
  readonly inputFile: string | undefined
  readonly outputFile: string | undefined
}): Promise<OpenFiles> {
  const input = inputFile === undefined ? undefined : createReadStream(inputFile)
  const output = outputFile === undefined ? undefined : createWriteStream(outputFile, { mode: 0o600 })
  const close = (): void => {
    input?.destroy()
    output?.destroy()
  }
  try {
    await Promise.all([input, output].map((stream) => stream && once(stream, "open")))
    return { input, output, close }
  } catch (cause) {
    close()
    throw new AlcidesError({
      code: "program-failed",
      message: `a file for standard input or output cannot be opened: ${messageOf(cause)}`,
      hint: "it must be in a folder that is there, and this user must be allowed to use it",
      cause,
    })
  }
}
