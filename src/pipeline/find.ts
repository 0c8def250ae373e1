import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { usageError } from "../errors.ts"

const fileNames = ["alcides.config", "ci"].flatMap((name) =>
  [".ts", ".mts", ".js", ".mjs"].map((ending) => name + ending),
)

/** Finds the one pipeline file of a folder. Throws `pipeline-missing` and `pipeline-ambiguous`. */
export function findPipelineFile({
  cwd,
  root,
  flag,
}: {
  readonly cwd: string
  readonly root: string
  readonly flag?: string | undefined
}): string {
  if (flag !== undefined) {
    const path = resolve(cwd, flag)
    if (existsSync(path)) return path
    throw usageError({
      code: "pipeline-missing",
      message: `there is no file ${flag}`,
      hint: "name the pipeline file with --file",
    })
  }
  for (const folder of new Set([cwd, root])) {
    const found = fileNames.filter((name) => existsSync(join(folder, name)))
    const [first] = found
    if (found.length > 1) {
      throw usageError({
        code: "pipeline-ambiguous",
        message: `both ${found.join(" and ")} are in ${folder}`,
        hint: "keep one of them, or choose with --file",
      })
    }
    if (first !== undefined) return join(folder, first)
  }
  throw usageError({
    code: "pipeline-missing",
    message: `no pipeline file in ${cwd}${root === cwd ? "" : ` or ${root}`}`,
    hint: "write ci.ts (docs/guides/deploy-a-nixops-network.md has ten lines to begin with), or name the file with --file",
  })
}

/** The top folder of the checkout around `cwd`, as its `.git` shows it: asking git would cost more than loading the pipeline. */
export function checkoutRoot(cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder
    if (folder === dirname(folder)) return cwd
  }
}
