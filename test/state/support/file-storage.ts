import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { openStore } from "../../../src/state/open.ts"
import type { ProgramStorage } from "./storage.ts"

/** A file store in a temporary folder. */
export async function fileStorage(): Promise<ProgramStorage & { readonly root: string }> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-state-"))
  const root = join(folder, "store")
  const url = pathToFileURL(root).href
  return {
    root,
    url,
    env: {},
    open: (project) => openStore(url, project),
    async copy() {
      const other = await fileStorage()
      await cp(root, other.root, { recursive: true })
      return other
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
