import { randomBytes } from "node:crypto"
import { open, readdir, rename, stat } from "node:fs/promises"
import { join } from "node:path"
import { hashed, type Digest } from "../../content.ts"
import { storeDamaged } from "../../failures.ts"
import type { ObjectStore } from "../../objects.ts"
import type { StoreFolder } from "./folder.ts"
import type { RunStep } from "./steps.ts"

const chunkSize = 256 * 1024

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

  async function* read(path: string): AsyncGenerator<Uint8Array> {
    const handle = await step({ name: "open blob", path }, () => open(path, "r"))
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
      return read(path)
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
