import { randomUUID } from "node:crypto"
import { open, unlink, type FileHandle } from "node:fs/promises"
import { join } from "node:path"

const chunkSize = 256 * 1024

/**
 * Makes a file below `folder` that has no name: nobody else can open it, and nothing is left of it however this process ends. It may hold
 * private keys. Throws the system's error.
 */
export async function openNamelessFile(folder: string): Promise<FileHandle> {
  const path = join(folder, `alcides-${randomUUID()}`)
  const handle = await open(path, "wx+", 0o600)
  try {
    await unlink(path)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** What is in an open file, from its beginning; it may be read several times, and stays open. */
export async function* contentOfOpen(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(chunkSize), 0, chunkSize, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
