import { mkdir, stat } from "node:fs/promises"
import { dirname } from "node:path"

/**
 * Makes a folder, and all above it that are missing, for their owner alone. Returns the topmost that it made; `undefined` when the
 * folder was there. Unlike Node's recursive mkdir it ends where a file system says that nothing is there of what it refuses to make,
 * as /proc and automounters do.
 */
export async function makeFolders(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 })
    return path
  } catch (error) {
    const parent = dirname(path)
    if (!isMissing(error) || parent === path) return unlessThere(path, error)
    const first = await makeFolders(parent)
    const own = await mkdir(path, { mode: 0o700 }).then(
      () => path,
      (again: unknown) => unlessThere(path, again),
    )
    return first ?? own
  }
}

// Another process may have made it meanwhile.
async function unlessThere(path: string, error: unknown): Promise<undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() !== true) throw error
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}
