import { createHash } from "node:crypto"
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

/** Passes content on, and tells its sha256 when all of it has passed. */
export function hashed(content: AsyncIterable<Uint8Array>): {
  readonly content: AsyncIterable<Uint8Array>
  /** Hexadecimal. */
  sha256(): string
} {
  const hash = createHash("sha256")
  const passed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk)
      yield chunk
    }
  }
  return { content: passed(), sha256: () => hash.copy().digest("hex") }
}

/** The store lists this version, but its content is gone. */
export function contentMissing(where: string): AlcidesError {
  return contentDamaged({ code: "state-content-missing", message: `the store lists ${where}, but its content is gone` })
}

function contentDamaged(details: { readonly code: string; readonly message: string }): AlcidesError {
  return new AlcidesError({
    ...details,
    hint: "get an older version with --version, or restore the store from a backup",
  })
}
