import { realpath, stat } from "node:fs/promises"
import { isAbsolute, join, normalize, relative } from "node:path"
import { messageOf, usageError } from "alcides"

/** Throws `network-file-missing` and `network-file-outside` unless every file lies in `src`, links followed. */
export async function assertNetworkFiles(files: readonly string[], { src }: { readonly src: string }): Promise<void> {
  for (const file of files) await assertNetworkFile(file, src)
}

async function assertNetworkFile(file: string, src: string): Promise<void> {
  if (isAbsolute(file) || leaves(normalize(file))) throw outside(file, src)
  const path = join(src, file)
  try {
    await stat(path)
  } catch (error) {
    throw usageError({
      code: "network-file-missing",
      message: `network file ${JSON.stringify(file)} is not in ${src}: ${messageOf(error)}`,
      hint: "network files are named relative to src",
      cause: error,
    })
  }
  if (leaves(relative(await realpath(src), await realpath(path)))) throw outside(file, src)
}

function leaves(path: string): boolean {
  return path === ".." || path.startsWith("../") || isAbsolute(path)
}

function outside(file: string, src: string): Error {
  return usageError({
    code: "network-file-outside",
    message: `network file ${JSON.stringify(file)} lies outside ${src}`,
    hint: "name a file below src, or make src the folder above",
  })
}
