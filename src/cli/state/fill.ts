import type { FileHandle } from "node:fs/promises"

export type Output = {
  readonly content: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}

// In bytes: what one write takes, and what is written before it is brought to the disk.
const writeEvery = 1024 * 1024
const flushEvery = 32 * 1024 * 1024

type Gathered = { chunks: Uint8Array[]; bytes: number }

/** Fills a file and brings it to the disk. While that goes on, more content comes; so little is left to do at the end. */
export async function fill(handle: FileHandle, { content, signal }: Output): Promise<void> {
  let gathered: Gathered = { chunks: [], bytes: 0 }
  let unflushed = 0
  let writing = Promise.resolve()
  let flushing = Promise.resolve()
  const write = async (): Promise<void> => {
    await writing
    writing = writeChunks(handle, gathered)
    writing.catch(() => {})
    unflushed += gathered.bytes
    gathered = { chunks: [], bytes: 0 }
    if (unflushed < flushEvery) return
    unflushed = 0
    // The system tells a failure once: to this flush, and not to the sync at the end.
    await flushing
    flushing = handle.datasync()
    flushing.catch(() => {})
  }
  try {
    for await (const chunk of content) {
      signal.throwIfAborted()
      gathered.chunks.push(chunk)
      gathered.bytes += chunk.byteLength
      if (gathered.bytes >= writeEvery) await write()
    }
    await write()
  } finally {
    // The file is closed by whoever opened it: not while it is written.
    await Promise.allSettled([writing, flushing])
  }
  await Promise.all([writing, flushing])
  await handle.sync()
}

async function writeChunks(handle: FileHandle, { chunks, bytes }: Gathered): Promise<void> {
  const { bytesWritten } = await handle.writev(chunks)
  // A write that was cut short goes on, and then tells why.
  if (bytesWritten < bytes) await handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten))
}
