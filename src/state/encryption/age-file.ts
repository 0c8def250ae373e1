const magic = Buffer.from("age-encryption.org/v1\n")
// A recipient takes 100 bytes of the header, one of the post-quantum kind 1700.
const longestHeader = 1024 * 1024
const macLine = /\n--- [A-Za-z0-9+/]{43}\n/

/** Whether content that begins with these bytes, at least 22 of them, is an age file. */
export function isAgeFile(firstBytes: Uint8Array): boolean {
  return firstBytes.byteLength >= magic.byteLength && magic.equals(firstBytes.subarray(0, magic.byteLength))
}

/** Looks at how content begins. The answer has all of it, to be read once. */
export async function peekAgeFile(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly isAge: boolean; readonly content: AsyncIterable<Uint8Array> }> {
  const { start, rest } = await readUntil(content, ({ byteLength }) => byteLength >= magic.byteLength)
  return { isAge: isAgeFile(start), content: joined(start, rest) }
}

/** The header of an age file, up to the line with its MAC, and what follows. `undefined`: it has none. */
export async function splitAgeFile(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: Uint8Array; readonly payload: AsyncIterableIterator<Uint8Array> } | undefined> {
  const { start, rest } = await readUntil(
    content,
    (bytes) =>
      bytes.byteLength >= magic.byteLength &&
      (!isAgeFile(bytes) || bytes.byteLength > longestHeader || headerEnd(bytes) !== undefined),
  )
  const end = isAgeFile(start) ? headerEnd(start) : undefined
  if (end !== undefined) return { header: start.subarray(0, end), payload: joined(start.subarray(end), rest) }
  await rest.return?.()
  return undefined
}

function headerEnd(bytes: Buffer): number | undefined {
  const found = macLine.exec(bytes.toString("latin1"))
  return found === null ? undefined : found.index + found[0].length
}

async function readUntil(
  content: AsyncIterable<Uint8Array>,
  isEnough: (bytes: Buffer) => boolean,
): Promise<{ readonly start: Buffer; readonly rest: AsyncIterator<Uint8Array> }> {
  const rest = content[Symbol.asyncIterator]()
  let start = Buffer.alloc(0)
  while (!isEnough(start)) {
    const next = await rest.next()
    if (next.done === true) break
    start = Buffer.concat([start, next.value])
  }
  return { start, rest }
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
