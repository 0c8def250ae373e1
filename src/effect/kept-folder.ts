import { chmod, cp, lstat, mkdir, mkdtemp, readdir } from "node:fs/promises"
import { join } from "node:path"
import { AlcidesError, Exit, messageOf } from "../errors.ts"

export type KeepFolder = {
  /** The folder with what state is made from. */
  readonly source: string
  readonly effect: string
  /** Where to keep it. Made, for its owner alone, when it is not there. */
  readonly dir: string
}

/** Keeps a copy of everything that state is made from, and returns where. Throws `state-not-kept`. */
export async function keepFolder({ source, effect, dir }: KeepFolder): Promise<string> {
  const time = new Date().toISOString().replaceAll(/[:.]/g, "-")
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const kept = await mkdtemp(join(dir, `${time}-${effect}-`))
    await cp(source, kept, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      // The socket of an ssh connection or an agent cannot be copied, and is no state.
      filter: async (path) => isState(await lstat(path)),
    })
    await chmod(kept, 0o700)
    return kept
  } catch (cause) {
    throw new AlcidesError({
      code: "state-not-kept",
      message: `what the state of ${effect} is made from could not be kept: ${messageOf(cause)}`,
      hint: `copy ${source} to a safe place now, before this machine is cleaned`,
      exit: Exit.stateAtRisk,
      cause,
    })
  }
}

/** Whether there is anything in a folder, at whatever depth, that would be worth keeping. */
export async function holdsFiles(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.some((entry) => entry.isFile() || entry.isSymbolicLink())
}

function isState(entry: {
  readonly isFile: () => boolean
  readonly isDirectory: () => boolean
  readonly isSymbolicLink: () => boolean
}): boolean {
  return entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()
}
