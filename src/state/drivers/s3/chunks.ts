import { finished, type Readable } from "node:stream"

// In bytes: a server that is faster than whoever reads is asked to wait when so much is there.
const mostWaiting = 512 * 1024

/**
 * What a stream brings, piece by piece as it comes. Iterating the stream itself would join all that has come since the last look, which
 * copies it, and takes memory that is then collected.
 */
export async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  let end: { readonly error: Error | null | undefined } | undefined
  let wake = (): void => {}
  stream.on("data", (chunk: Uint8Array) => {
    waiting.push(chunk)
    bytes += chunk.byteLength
    if (bytes >= mostWaiting) stream.pause()
    wake()
  })
  finished(stream, { writable: false }, (error) => {
    end = { error }
    wake()
  })
  try {
    for (;;) {
      const come = waiting
      waiting = []
      bytes = 0
      if (stream.isPaused()) stream.resume()
      yield* come
      if (waiting.length > 0) continue
      if (end !== undefined) {
        if (end.error != null) throw end.error
        return
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    stream.destroy()
  }
}
