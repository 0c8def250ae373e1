import { open } from "node:fs/promises"
import { dirname } from "node:path"
import { makeFolders } from "../../folders.ts"
import { hashed, type Digest } from "../content.ts"

/** Writes a new file for its owner alone; it outlives a power cut once its folder is synced. Throws when it is there already. */
export async function writeNewFile(path: string, content: AsyncIterable<Uint8Array>): Promise<Digest> {
  const passing = hashed(content)
  const handle = await open(path, "wx", 0o600)
  try {
    for await (const chunk of passing.content) await handle.writeFile(chunk)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return passing.digest()
}

/** Makes a folder for its owner alone, and all above it, to stay. */
export async function makeFolder(path: string): Promise<void> {
  const first = await makeFolders(path)
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

// Not every file system syncs folders, and not every folder that may be written to may be read.
const cannotSync = new Set(["EACCES", "EINVAL", "ENOTSUP", "EPERM"])

/** What was made, renamed or removed in this folder stays so, also when the power goes: where the system can promise that. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, "r")
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && cannotSync.has(String(error.code)))) throw error
  }
}
