import { randomBytes } from "node:crypto"
import { open, readdir, rename, stat, type FileHandle } from "node:fs/promises"
import { join } from "node:path"
import { contentRemoved, hashed, type Digest } from "../../content.ts"
import { storeDamaged } from "../../failures.ts"
import type { ObjectStore } from "../../objects.ts"
import type { StoreFolder } from "./folder.ts"
import type { RunStep } from "./steps.ts"

const chunkSize = 256 * 1024
// In milliseconds: how long a file stays open of which nobody reads.
const longestUnread = 30_000

/** Blobs for the file driver. */
export function fileBlobs({
  folder,
  step,
}: {
  readonly folder: StoreFolder
  readonly step: RunStep
}): Pick<ObjectStore, "writeBlob" | "readBlob" | "blobs" | "removeBlob"> {
  const pathOf = (key: string, ...rest: readonly string[]): string => join(folder.root, ...key.split("/"), ...rest)

  const write = async (path: string, content: AsyncIterable<Uint8Array>): Promise<Digest> => {
    const passing = hashed(content)
    const handle = await step({ name: "open blob", path }, () => open(path, "w", 0o600))
    try {
      for await (const chunk of passing.content) await step({ name: "write blob", path }, () => handle.writeFile(chunk))
      await step({ name: "sync blob", path }, () => handle.sync())
    } finally {
      await handle.close()
    }
    return passing.digest()
  }

  const openBlob = (path: string): Promise<FileHandle | undefined> =>
    step({ name: "open blob", path, expect: ["ENOENT"] }, () => open(path, "r"))

  async function* read(path: string, opened: Opened): AsyncGenerator<Uint8Array> {
    const handle = opened.take() ?? (await openBlob(path))
    if (handle === undefined) throw contentRemoved(path)
    try {
      for (;;) {
        const buffer = Buffer.allocUnsafeSlow(chunkSize)
        const { bytesRead } = await step({ name: "read blob", path }, () => handle.read(buffer, 0, chunkSize))
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  }

  return {
    async writeBlob(key, { stem, content }) {
      await folder.create()
      await folder.clean()
      const path = pathOf(key)
      await folder.makeFolder(path)
      const temporary = folder.temporary()
      try {
        const { size, sha256 } = await write(temporary, content)
        const name = `${stem}-${sha256}-${randomBytes(6).toString("hex")}`
        await step({ name: "rename blob", path: temporary }, () => rename(temporary, join(path, name)))
        await folder.settle(path)
        return { name, size, sha256 }
      } catch (error) {
        await folder.discard(temporary)
        throw error
      }
    },

    async readBlob(key, name) {
      const path = pathOf(key, name)
      const found = await step({ name: "stat blob", path, expect: ["ENOENT"] }, () => stat(path))
      if (found === undefined) return undefined
      if (!found.isFile()) throw storeDamaged({ where: path, what: "is a folder where a file should be" })
      // From here on a prune takes nothing from whoever reads.
      const handle = await openBlob(path)
      return handle === undefined ? undefined : read(path, whileUnread(handle))
    },

    async blobs(key) {
      const path = pathOf(key)
      const names = (await step({ name: "list blobs", path, expect: ["ENOENT"] }, () => readdir(path))) ?? []
      const entries = []
      for (const name of names) {
        const found = await step({ name: "stat blob", path: join(path, name), expect: ["ENOENT"] }, () =>
          stat(join(path, name)),
        )
        if (found !== undefined) entries.push({ name, modified: found.mtimeMs })
      }
      return entries
    },

    async removeBlob(key, name) {
      await folder.remove(pathOf(key, name))
    },
  }
}

type Opened = {
  /** The handle, for who reads now; `undefined` when that took too long. */
  take(): FileHandle | undefined
}

/** Closes a handle that nobody takes: whoever gets content need not read it. */
function whileUnread(handle: FileHandle): Opened {
  let open: FileHandle | undefined = handle
  const timer = setTimeout(() => {
    open = undefined
    handle.close().catch(() => {})
  }, longestUnread)
  timer.unref()
  return {
    take() {
      clearTimeout(timer)
      return open
    },
  }
}
