import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { onTestFinished } from "vitest"
import { s3Storage, s3Url } from "./s3-storage.ts"

/** A store that an earlier program wrote, seen also past the driver. */
export type StoredFormat = {
  readonly url: string
  readonly env: Readonly<Record<string, string>>
  /** Everything that is stored, by where it lies. */
  contents(): Promise<ReadonlyMap<string, string>>
  write(where: string, text: string): Promise<void>
}

const folderOf = (fixture: string): string => fileURLToPath(new URL(`../../fixtures/${fixture}`, import.meta.url))

async function filesIn(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return new Map(
    await Promise.all(files.map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const)),
  )
}

/** A copy of the fixture in a folder of its own. */
export async function formatInFolder(fixture: string): Promise<StoredFormat> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-format-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await cp(folderOf(fixture), folder, { recursive: true })
  return {
    url: pathToFileURL(folder).href,
    env: {},
    contents: async () =>
      new Map(Array.from(await filesIn(folder), ([name, content]) => [name, content.toString("hex")])),
    write: (where, text) => writeFile(join(folder, where), text),
  }
}

/** The fixture's objects in a bucket of their own. */
export async function formatInBucket(fixture: string): Promise<StoredFormat> {
  const { bucket, env } = await s3Storage()
  const prefix = "below/here"
  for (const [key, content] of await filesIn(folderOf(fixture))) await bucket.put(`${prefix}/${key}`, content)
  return {
    url: s3Url(bucket, { prefix }),
    env,
    async contents() {
      const keys = await bucket.keys()
      return new Map(
        await Promise.all(keys.map(async (key) => [key, (await bucket.get(key)).toString("hex")] as const)),
      )
    },
    write: (where, text) => bucket.put(where, text),
  }
}
