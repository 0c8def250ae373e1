import { constants } from "node:fs"
import { chmod, copyFile, mkdir, open } from "node:fs/promises"
import { join } from "node:path"
import { AlcidesError, Exit, messageOf } from "../errors.ts"
import { formatProject } from "./names.ts"
import type { Project } from "./store.ts"

export type Keep = {
  /** The file that could not be put. */
  readonly source: string
  /** Its name in the store. */
  readonly name: string
  readonly project: Project
  /** Where to keep it, below a folder for the project; normally `alcides/kept` below `stateHome`. Made when it is not there. */
  readonly dir: string
}

/** Keeps a file that could not be put into the store, for its owner alone, and returns where. Throws `state-not-kept`. */
export async function keepFile({ source, name, project, dir }: Keep): Promise<string> {
  const time = new Date().toISOString().replace(/[:.]/g, "-")
  const folder = keptFolderOf({ dir, project: formatProject(project) })
  const kept = join(folder, `${time}-${name}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await copyFile(source, kept, constants.COPYFILE_EXCL)
    await chmod(kept, 0o600)
    await sync(kept)
    await sync(folder)
    return kept
  } catch (cause) {
    throw new AlcidesError({
      code: "state-not-kept",
      message: `the state file ${JSON.stringify(name)} could be neither put nor kept: ${messageOf(cause)}`,
      hint: `copy ${source} to a safe place now, before this machine is cleaned`,
      exit: Exit.stateAtRisk,
      cause,
    })
  }
}

/** The folder, below `dir`, of what one project could not put. */
export function keptFolderOf({ dir, project }: { readonly dir: string; readonly project: string }): string {
  return join(dir, project.replaceAll(/[^A-Za-z0-9._-]+/g, "-").slice(0, 200))
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
