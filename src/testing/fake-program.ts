import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"

export type FakeProgram = {
  readonly name: string
  /** What it does, as a POSIX shell script. */
  readonly script: string
}

/** Writes an executable stand-in for a program into `folder`, to be put first on PATH. Returns its path. */
export async function fakeProgram(folder: string, { name, script }: FakeProgram): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, name)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}
