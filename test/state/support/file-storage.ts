import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { openStore } from "../../../src/state/open.ts"
import type { Storage } from "../contract.ts"

/** A file store in a temporary folder. */
export async function fileStorage(): Promise<Storage & { readonly root: string; readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-state-"))
  const root = join(folder, "store")
  const url = pathToFileURL(root).href
  return {
    root,
    url,
    open: (project) => openStore(url, project),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
