/** Content on its way through a stream, which does not tell its source's failures from its own, nor when the source is closed. */
export type WatchedSource = {
  readonly content: AsyncIterable<Uint8Array>
  /** From now on it may be of any length. */
  allowMore(): void
  /** Whether the content itself threw. */
  hasFailed(): boolean
  /** Tells the content that nobody reads on, and returns when it has heard. */
  close(): Promise<void>
}

/** Watches what becomes of content; until more is allowed, it ends with an error after so many bytes. */
export function watchedSource(content: AsyncIterable<Uint8Array>, most = Number.POSITIVE_INFINITY): WatchedSource {
  const rest = content[Symbol.asyncIterator]()
  let failed = false
  let read = 0
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    if (read > most) throw new Error(`more than ${most} bytes`)
    try {
      const result = await rest.next()
      if (result.done !== true) read += result.value.byteLength
      return result
    } catch (error) {
      failed = true
      throw error
    }
  }
  return {
    content: { [Symbol.asyncIterator]: () => ({ next }) },
    allowMore: () => (most = Number.POSITIVE_INFINITY),
    hasFailed: () => failed,
    async close() {
      await rest.return?.()
    },
  }
}
