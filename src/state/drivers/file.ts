import { resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { usageError } from "../../errors.ts"
import type { ObjectStore } from "../objects.ts"
import { fileBlobs } from "./file/blobs.ts"
import { storeFolder } from "./file/folder.ts"
import { fileRecords } from "./file/records.ts"
import { fileSteps, type OnStep } from "./file/steps.ts"

/** Opens `file:///folder` or `file:folder`, on a local disk or NFS. With `?create=never` the store must be there already. */
export function openFileStore(url: string, { onStep }: { readonly onStep?: OnStep } = {}): ObjectStore {
  const { root, create } = parseFileUrl(url)
  const step = fileSteps(onStep)
  const folder = storeFolder({ root, step, create })
  return {
    url: pathToFileURL(root).href,
    now: folder.now,
    ...fileRecords({ folder, step }),
    ...fileBlobs({ folder, step }),
  }
}

function parseFileUrl(url: string): { readonly root: string; readonly create: boolean } {
  try {
    const [place = "", query = ""] = url.split("?", 2)
    const root = place.startsWith("file://")
      ? fileURLToPath(place)
      : resolve(decodeURIComponent(place.slice("file:".length)))
    const options = new URLSearchParams(query)
    const unknown = [...options].find(([name, value]) => name !== "create" || value !== "never")
    if (unknown !== undefined) throw new Error(`${unknown.join("=")} is no option of file:`)
    if (place === "file:" || place === "file://") throw new Error("it names no folder")
    return { root, create: !options.has("create") }
  } catch (cause) {
    throw usageError({
      code: "store-url-invalid",
      message: `${JSON.stringify(url)} is no file: URL${cause instanceof Error ? `: ${cause.message}` : ""}`,
      hint: "write file:///absolute/folder or file:relative/folder, with ?create=never when it must be there already",
      cause,
    })
  }
}
