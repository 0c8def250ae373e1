import { close, open, read, readdir, readFile, stat } from "node:fs"
import { promisify } from "node:util"

// What a get needs of the file system. `node:fs/promises` does the same, but takes two milliseconds to load and to begin.
export const contentOf = promisify(readFile)
export const entriesOf = promisify(readdir)
export const statusOf = promisify(stat)
const openFile = promisify(open)
const readSome = promisify(read)
const closeFile = promisify(close)

/** A file that is open for reading. */
export type Reading = {
  /** How many bytes came into `buffer`; 0 at the end. */
  read(buffer: Uint8Array): Promise<number>
  close(): Promise<void>
}

export async function openToRead(path: string): Promise<Reading> {
  const file = await openFile(path, "r")
  return {
    read: async (buffer) => (await readSome(file, buffer, 0, buffer.byteLength, null)).bytesRead,
    close: () => closeFile(file),
  }
}
