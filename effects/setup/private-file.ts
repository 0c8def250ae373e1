import { chmod, mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, relative, resolve } from "node:path"
import { usageError, type EffectContext } from "alcides"

type Home = Pick<EffectContext, "home">

/** A path below the effect's private HOME, where `~` is. Throws `path-outside-home`: a secret is written nowhere else. */
export function pathInHome({ home }: Home, path: string): string {
  const absolute = resolve(home, path.replace(/^~(?=\/|$)/, "."))
  const inside = relative(home, absolute)
  if (inside !== "" && inside !== ".." && !inside.startsWith("../")) return absolute
  throw usageError({
    code: "path-outside-home",
    message: `${JSON.stringify(path)} is not inside the effect's private HOME`,
    hint: "write a path such as ~/.ssh/id_rsa; the private HOME is removed when the effect ends",
  })
}

/** Writes a file that only we can read (0600), with its folders (0700). */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, content, { mode: 0o600 })
  await chmod(path, 0o600)
}

/** Adds to the end of a private file, which may not exist yet. */
export async function appendPrivateFile(path: string, content: string): Promise<void> {
  await writePrivateFile(path, (await readIfExists(path)) + content)
}

/** The content of a file, or "" when there is none. */
export async function readIfExists(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
    throw error
  }
}
