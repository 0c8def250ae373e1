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

export type Part = {
  readonly bytes: Buffer
  readonly last: boolean
  /** Its memory is used for a later part. */
  release(): void
}

const smallestBuffer = 64 * 1024

/** Cuts content into parts, all as long as `sizeOf` says but the last. Empty content is one empty part. */
export async function* cutIntoParts(
  content: AsyncIterable<Uint8Array>,
  sizeOf: (index: number) => number = partSize,
): AsyncGenerator<Part, undefined> {
  let index = 0
  let length = 0
  let buffer: Buffer = Buffer.alloc(0)
  let free: Buffer[] = []

  const append = (bytes: Uint8Array): void => {
    if (buffer.length < length + bytes.byteLength) {
      const used = buffer.subarray(0, length)
      // The first part may be the only one, and small; those after it are full, but for the last.
      const wanted = index > 0 ? sizeOf(index) : Math.max(smallestBuffer, 2 * (length + bytes.byteLength))
      buffer = take(Math.min(wanted, sizeOf(index)))
      buffer.set(used)
    }
    buffer.set(bytes, length)
    length += bytes.byteLength
  }
  const take = (size: number): Buffer => {
    free = free.filter((one) => one.length === size)
    return free.pop() ?? Buffer.allocUnsafeSlow(size)
  }
  const finish = ({ last }: Pick<Part, "last">): Part => {
    const filled = buffer
    const part: Part = { bytes: filled.subarray(0, length), last, release: () => void free.push(filled) }
    buffer = Buffer.alloc(0)
    length = 0
    index += 1
    return part
  }

  for await (const chunk of content) {
    let rest = chunk
    while (length + rest.byteLength > sizeOf(index)) {
      const room = sizeOf(index) - length
      append(rest.subarray(0, room))
      yield finish({ last: false })
      rest = rest.subarray(room)
    }
    append(rest)
  }
  yield finish({ last: true })
  return undefined
}
