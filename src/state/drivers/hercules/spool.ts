import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { tmpdir } from "node:os"
import { AlcidesError, messageOf } from "../../../errors.ts"
import { contentOfOpen, openNamelessFile } from "../../nameless-file.ts"

// Bytes. What is not larger is kept in memory.
const largestInMemory = 4 * 1024 * 1024

/** Content that came once and can be read again and again. */
export interface Spool {
  readonly size: number
  /** Hexadecimal. */
  readonly sha256: string
  open(): AsyncIterable<Uint8Array>
  remove(): Promise<void>
}

/**
 * Takes content to the side, in memory or, when it is large, in a file that has no name, so that nothing of it is left whatever happens.
 * Throws `state-not-spooled`.
 */
export async function spool(content: AsyncIterable<Uint8Array>): Promise<Spool> {
  const hash = createHash("sha256")
  let chunks: Uint8Array[] = []
  let size = 0
  let file: FileHandle | undefined
  try {
    for await (const chunk of content) {
      hash.update(chunk)
      size += chunk.byteLength
      // The giver may use its buffer again.
      if (file === undefined) chunks.push(Uint8Array.from(chunk))
      else await kept(file.writeFile(chunk))
      if (file === undefined && size > largestInMemory) {
        file = await kept(openNamelessFile(tmpdir()))
        await kept(file.writeFile(Buffer.concat(chunks)))
        chunks = []
      }
    }
  } catch (error) {
    await file?.close()
    throw error
  }
  const handle = file
  return {
    size,
    sha256: hash.digest("hex"),
    open: () => (handle === undefined ? fromMemory(chunks) : contentOfOpen(handle)),
    remove: async () => handle?.close(),
  }
}

async function* fromMemory(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function kept<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw new AlcidesError({
      code: "state-not-spooled",
      message: `the content cannot be kept in ${tmpdir()} for the time of its transfer: ${messageOf(cause)}`,
      hint: "set TMPDIR to a folder with space for it",
      cause,
    })
  }
}
