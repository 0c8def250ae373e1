import { open } from "node:fs/promises"
import { addAbortSignal, type Readable } from "node:stream"
import { resolve } from "node:path"
import { AlcidesError, usageError } from "../../errors.ts"
import type { Io } from "../io.ts"
import { reasonOf } from "./file-error.ts"

/**
 * What `--file` names, as a stream; `-` is the standard input. Nothing of it is kept.
 * Throws `file-not-readable`, and `state-empty` unless an empty input is allowed.
 */
export async function openInput(
  io: Io,
  { file, allowEmpty }: { readonly file: string; readonly allowEmpty: boolean },
): Promise<AsyncIterable<Uint8Array>> {
  const source = addAbortSignal(io.signal, file === "-" ? io.stdin : await openFile(io, file))
  // Read before any lease is taken: a program that fails before its first byte must not have locked anything.
  const chunks = bytesOf(source)
  const first = await chunks.next()
  if (first.done !== true) return resumed(first.value, chunks)
  if (allowEmpty) return resumed(new Uint8Array(), chunks)
  throw new AlcidesError({
    code: "state-empty",
    message: `${file === "-" ? "the standard input" : file} is empty; nothing was written`,
    hint: "did the program that writes it fail? add --allow-empty if an empty state file is meant",
  })
}

async function openFile({ cwd }: Io, file: string): Promise<Readable> {
  try {
    const handle = await open(resolve(cwd, file))
    if (!(await handle.stat()).isDirectory()) return handle.createReadStream()
    await handle.close()
  } catch (error) {
    throw usageError({
      code: "file-not-readable",
      message: `${file} cannot be read: ${reasonOf(error)}`,
      hint: "name a file that exists and that you may read, or - for the standard input",
      cause: error,
    })
  }
  throw usageError({
    code: "file-not-readable",
    message: `${file} cannot be read: it is a folder`,
    hint: "name a file, or - for the standard input",
  })
}

async function* bytesOf(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    if (chunk instanceof Uint8Array) {
      if (chunk.length > 0) yield chunk
    } else {
      yield Buffer.from(String(chunk))
    }
  }
}

async function* resumed(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  yield* rest
}
