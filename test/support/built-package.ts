import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { cp, symlink } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { dir } from "tmp-promise"

const root = fileURLToPath(new URL("../..", import.meta.url))

export type BuiltPackage = {
  readonly path: string
  readonly cleanup: () => Promise<void>
}

/** The package, built in a copy of the sources: a build empties dist/, which others may be using. */
export async function buildPackage({ types }: { readonly types: boolean }): Promise<BuiltPackage> {
  const { path, cleanup } = await dir({ prefix: "alcides-package-", unsafeCleanup: true })
  for (const name of ["src", "effects", ".ci", "package.json", "tsconfig.json", "README.md", "LICENSE"]) {
    if (existsSync(join(root, name))) await cp(join(root, name), join(path, name), { recursive: true })
  }
  await symlink(join(root, "node_modules"), join(path, "node_modules"))
  const args = types ? [] : ["--no-types"]
  const built = spawnSync(process.execPath, [".ci/build.mjs", ...args], { cwd: path, encoding: "utf8" })
  if (built.status === 0) return { path, cleanup }
  await cleanup()
  throw new Error(`the build failed:\n${built.stdout}${built.stderr}`)
}
