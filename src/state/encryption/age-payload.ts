import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import { undecryptable } from "./age-failures.ts"

// The payload of an age file, https://c2sp.org/age#payload: a nonce, then chunks of 64 KiB, each sealed with ChaCha20-Poly1305.
// OpenSSL does this ten times as fast as JavaScript can.
const chunkSize = 64 * 1024
const tagSize = 16
const nonceSize = 16
const cipher = "chacha20-poly1305"
const options = { authTagLength: tagSize }

/** Seals content under a file key. */
export async function* sealPayload(
  content: AsyncIterable<Uint8Array>,
  fileKey: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const nonce = randomBytes(nonceSize)
  const key = payloadKey(fileKey, nonce)
  let sealedNonce: Uint8Array | undefined = nonce
  for await (const { index, chunk, isLast } of chunksOf(content, chunkSize)) {
    const sealer = createCipheriv(cipher, key, chunkNonce(index, isLast), options)
    const sealed = [sealer.update(chunk), sealer.final(), sealer.getAuthTag()]
    yield Buffer.concat(sealedNonce === undefined ? sealed : [sealedNonce, ...sealed])
    sealedNonce = undefined
  }
}

/** Opens a sealed payload, and hands out nothing that was not sealed under the key. Throws `state-content-undecryptable`. */
export async function* openPayload(
  payload: AsyncIterable<Uint8Array>,
  { fileKey, where }: { readonly fileKey: Uint8Array; readonly where: string },
): AsyncGenerator<Uint8Array> {
  let key: Buffer | undefined
  const rest = withoutNonce(payload, (nonce) => (key = payloadKey(fileKey, nonce)))
  for await (const { index, chunk, isLast } of chunksOf(rest, chunkSize + tagSize)) {
    const opened = key === undefined ? undefined : openChunk(chunk, { key, nonce: chunkNonce(index, isLast) })
    // Only nothing at all is one empty chunk.
    if (opened === undefined || (index > 0 && opened.byteLength === 0))
      throw undecryptable({ where, why: "it is damaged or cut off" })
    if (opened.byteLength > 0) yield opened
  }
}

function openChunk(
  sealed: Uint8Array,
  { key, nonce }: { readonly key: Uint8Array; readonly nonce: Uint8Array },
): Buffer | undefined {
  const size = sealed.byteLength - tagSize
  if (size < 0) return undefined
  const opener = createDecipheriv(cipher, key, nonce, options)
  opener.setAuthTag(sealed.subarray(size))
  const opened = opener.update(sealed.subarray(0, size))
  try {
    opener.final()
    return opened
  } catch {
    return undefined
  }
}

function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha256", fileKey, nonce, "payload", 32))
}

// Eleven bytes count the chunks, the twelfth marks the last one.
function chunkNonce(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 5, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

async function* withoutNonce(
  payload: AsyncIterable<Uint8Array>,
  onNonce: (nonce: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let start = Buffer.alloc(0)
  let isPast = false
  for await (const piece of payload) {
    if (isPast) {
      yield piece
      continue
    }
    start = Buffer.concat([start, piece])
    if (start.byteLength < nonceSize) continue
    onNonce(start.subarray(0, nonceSize))
    isPast = true
    yield start.subarray(nonceSize)
  }
}

type Chunk = {
  readonly index: number
  /** Valid until the next one is asked for. */
  readonly chunk: Uint8Array
  readonly isLast: boolean
}

// All but the last have the full size; nothing at all is one empty chunk.
async function* chunksOf(content: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Chunk> {
  const buffer = new Uint8Array(size)
  let used = 0
  let index = 0
  for await (const piece of content) {
    for (let start = 0; start < piece.byteLength;) {
      if (used === size) {
        yield { index, chunk: buffer, isLast: false }
        index += 1
        used = 0
      }
      const part = piece.subarray(start, start + size - used)
      buffer.set(part, used)
      used += part.byteLength
      start += part.byteLength
    }
  }
  yield { index, chunk: buffer.subarray(0, used), isLast: true }
}
