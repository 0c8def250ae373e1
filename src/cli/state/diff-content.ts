import { hashed, type Digest } from "../../state/content.ts"
import { parseJson, type Json } from "../../state/history/diff.ts"

// In bytes. What is larger is compared by its hash alone.
const largestJson = 64 * 1024 * 1024

/** The content of a version, decrypted. */
export type Content = Digest & {
  /** Absent when it is no JSON list or object, or too large to be read whole. */
  readonly json?: Json
}

/** Reads a content for `state diff`: its hash in any case, and the JSON in it when there is any. */
export async function readContent(chunks: AsyncIterable<Uint8Array>): Promise<Content> {
  const passing = hashed(chunks)
  let kept: Uint8Array[] = []
  let size = 0
  for await (const chunk of passing.content) {
    size += chunk.byteLength
    if (size <= largestJson) kept.push(chunk)
    else kept = []
  }
  const json = size <= largestJson ? parseJson(Buffer.concat(kept).toString()) : undefined
  return { ...passing.digest(), ...(json !== undefined && { json }) }
}
