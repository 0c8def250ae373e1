import { resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { messageOf, usageError } from "../../errors.ts"
import type { ObjectStore } from "../objects.ts"
import { shownUrl } from "../shown-url.ts"
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
    url: `${pathToFileURL(root).href}${create ? "" : "?create=never"}`,
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
    const isKnown = [...options].every(([name, value]) => name === "create" && value === "never")
    if (!isKnown) throw new Error("create=never is the only option of file:")
    if (place === "file:" || place === "file://") throw new Error("it names no folder")
    return { root, create: !options.has("create") }
  } catch (error) {
    // Without it as the cause: what the system throws has the whole URL.
    throw usageError({
      code: "store-url-invalid",
      message: `${JSON.stringify(shownUrl(url))} is no file: URL: ${messageOf(error)}`,
      hint: "write file:///absolute/folder or file:relative/folder, with ?create=never when it must be there already",
    })
  }
}
