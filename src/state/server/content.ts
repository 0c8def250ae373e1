// What is at most this large, in bytes, is held whole.
const small = 1024 * 1024

/** Reads the first chunk, so that what is wrong from the start is thrown here, and hands out everything all the same. */
export async function begun(content: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = content[Symbol.asyncIterator]()
  const first = await iterator.next()
  return (async function* () {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  })()
}

/** Reads everything once, in constant memory; what is small comes back along with its length. */
export async function measured(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly length: number; readonly whole: readonly Uint8Array[] | undefined }> {
  let whole: Uint8Array[] | undefined = []
  let length = 0
  for await (const chunk of content) {
    length += chunk.byteLength
    if (length > small) whole = undefined
    whole?.push(chunk)
  }
  return { length, whole }
}
