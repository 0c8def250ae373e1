const mebibyte = 1024 * 1024
const smallest = 8 * mebibyte

/** In bytes, of the part with this index. 10,000 parts, which is the most that servers take, hold more than 5 TiB. */
export function partSize(index: number): number {
  return smallest * 2 ** Math.floor(index / 1000)
}

/** How many parts of this size are sent at a time: more for speed, fewer for memory. */
export function partsInFlight(size: number): number {
  return Math.max(1, Math.floor((4 * smallest) / size))
}

/** Cuts content into parts, all as long as `sizeOf` says but the last. Empty content is one empty part. */
export async function* cutIntoParts(
  content: AsyncIterable<Uint8Array>,
  sizeOf: (index: number) => number = partSize,
): AsyncGenerator<Buffer> {
  let index = 0
  let chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of content) {
    let rest = chunk
    while (length + rest.byteLength > sizeOf(index)) {
      const fitting = sizeOf(index) - length
      chunks.push(rest.subarray(0, fitting))
      yield Buffer.concat(chunks)
      rest = rest.subarray(fitting)
      chunks = []
      length = 0
      index += 1
    }
    chunks.push(rest)
    length += rest.byteLength
  }
  yield Buffer.concat(chunks)
}
