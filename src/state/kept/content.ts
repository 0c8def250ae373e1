import { createReadStream } from "node:fs"

/** What is in a file. Opened when it is read, and not before: a stream that nobody reads stays open, and nobody hears of its error. */
export async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = createReadStream(path)
  yield* stream
}
