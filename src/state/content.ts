import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { AlcidesError } from "../errors.ts"

type Expected = { readonly size: number; readonly sha256: string; readonly where: string }

/** Passes content on and checks it on the way. Holds the last chunk back, so that nobody gets the whole of what is wrong. */
export async function* verified(
  content: AsyncIterable<Uint8Array>,
  { size, sha256, where }: Expected,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256")
  let read = 0
  let last: Uint8Array | undefined
  for await (const chunk of content) {
    read += chunk.byteLength
    if (read > size) break
    hash.update(chunk)
    if (read < size) yield chunk
    else last ??= chunk
  }
  if (read !== size) {
    throw contentDamaged({
      code: "state-content-truncated",
      message: `${where} should have ${size} bytes, but the store has ${read > size ? "more" : `only ${read}`}`,
    })
  }
  const got = hash.digest("hex")
  if (got !== sha256) {
    throw contentDamaged({
      code: "state-content-corrupt",
      message: `${where} should have the sha256 ${sha256}, but the store's has ${got}`,
    })
  }
  if (last !== undefined) yield last
}

/** What tells one content from another. */
export type Digest = {
  /** Bytes. */
  readonly size: number
  /** Hexadecimal. */
  readonly sha256: string
}

/** Passes content on, and tells its digest when all of it has passed. */
export function hashed(content: AsyncIterable<Uint8Array>): {
  readonly content: AsyncIterable<Uint8Array>
  digest(): Digest
} {
  const hash = createHash("sha256")
  let size = 0
  const passed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk)
      size += chunk.byteLength
      yield chunk
    }
  }
  return { content: passed(), digest: () => ({ size, sha256: hash.copy().digest("hex") }) }
}

/** Reads content to its end. */
export async function digestOf(content: AsyncIterable<Uint8Array>): Promise<Digest> {
  const passing = hashed(content)
  for await (const _ of passing.content);
  return passing.digest()
}

/** Passes content on until the signal aborts. */
export async function* abortable(
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    signal?.throwIfAborted()
    yield chunk
  }
}

/** What is in a file. Opened when it is read, and not before: a stream that nobody reads stays open, and nobody hears of its error. */
export async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = createReadStream(path)
  yield* stream
}

/** The store lists this version, but its content is gone. */
export function contentMissing(where: string): AlcidesError {
  return contentDamaged({ code: "state-content-missing", message: `the store lists ${where}, but its content is gone` })
}

/** It was there when it was opened, but not to its end. */
export function contentRemoved(where: string): AlcidesError {
  return new AlcidesError({
    code: "state-content-missing",
    message: `${where} was removed while it was read: it was pruned, or encrypted anew`,
    hint: "read it again; if it stays away, get an older version with --version",
  })
}

function contentDamaged(details: { readonly code: string; readonly message: string }): AlcidesError {
  return new AlcidesError({
    ...details,
    hint: "get an older version with --version, or restore the store from a backup",
  })
}
