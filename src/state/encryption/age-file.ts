const magic = Buffer.from("age-encryption.org/v1\n")

/** Whether content that begins with these bytes, at least 22 of them, is an age file. */
export function isAgeFile(firstBytes: Uint8Array): boolean {
  return firstBytes.byteLength >= magic.byteLength && magic.equals(firstBytes.subarray(0, magic.byteLength))
}

/** Looks at how content begins. The answer has all of it, to be read once. */
export async function peekAgeFile(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly isAge: boolean; readonly content: AsyncIterable<Uint8Array> }> {
  const rest = content[Symbol.asyncIterator]()
  let start = Buffer.alloc(0)
  while (start.byteLength < magic.byteLength) {
    const next = await rest.next()
    if (next.done === true) break
    start = Buffer.concat([start, next.value])
  }
  return { isAge: isAgeFile(start), content: joined(start, rest) }
}

// No generator: one that nobody has begun to read would not tell its source that nobody will.
function joined(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  let isFirst = start.byteLength > 0
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (!isFirst) return rest.next()
      isFirst = false
      return { done: false, value: start }
    },
    async return() {
      await rest.return?.()
      return { done: true, value: undefined }
    },
  }
}
