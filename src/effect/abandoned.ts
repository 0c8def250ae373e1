import { readdir, rename } from "node:fs/promises"
import { join } from "node:path"
import { unlessMissing } from "../errors.ts"
import { endProcessesWith } from "../exec.ts"
import { isGone, thisProcess, type ProcessIdentity } from "../exec/this-process.ts"
import type { Encryption } from "../state/encryption/encryption.ts"
import { keptFolderOf } from "../state/kept.ts"
import { holdsFiles, keepFolder } from "./kept-folder.ts"
import { readOwner, type Owner } from "./owner.ts"
import { hasOpenState, homeOf, removeFolder, stateOf } from "./private-folder.ts"

export type Salvaged = {
  readonly effect: string
  /** Where the state of the killed run was kept. */
  readonly kept: string
}

/**
 * Ends what killed runs left running, removes their private folders, secrets first, and keeps their state where it had not been put
 * yet. Folders of living runs, and of runs on other machines, are left alone. Throws `state-not-kept`.
 */
export async function cleanAbandoned({
  parent,
  keepIn,
  encryptionOf = () => undefined,
}: {
  readonly parent: string
  readonly keepIn: string
  /** How a project's state is encrypted, as far as that is known here. */
  readonly encryptionOf?: (project: string) => Encryption | undefined
}): Promise<readonly Salvaged[]> {
  const salvaged: Salvaged[] = []
  for (const name of await unlessMissing(readdir(parent), [])) {
    const claimed = await claim(parent, name)
    if (claimed === undefined) continue
    const { path, effect, project } = claimed
    await endProcessesWith(`HOME=${homeOf(join(parent, originalName(name)))}`)
    await removeFolder(homeOf(path))
    if ((await hasOpenState(path)) && (await holdsFiles(stateOf(path)))) {
      // Where the killed run would have kept it, and its next one looks: the HOME of this one may be another.
      const dir = keptFolderOf({ dir: claimed.keepIn ?? keepIn, project })
      const encryption = encryptionOf(project)
      salvaged.push({ effect, kept: await keepFolder({ source: stateOf(path), effect, dir, encryption }) })
    }
    await removeFolder(path)
  }
  return salvaged
}

// Two runs may clean at the same time: the folder belongs to the one who could rename it, for as long as that one lives.
async function claim(
  parent: string,
  name: string,
): Promise<(Pick<Owner, "effect" | "project" | "keepIn"> & { readonly path: string }) | undefined> {
  const path = join(parent, name)
  const owner = await readOwner(path)
  if (owner === undefined || !(await isGone(cleanerOf(name, owner) ?? owner))) return undefined
  const { pid, started } = await thisProcess()
  const claimed = join(parent, `${originalName(name)}${mark}${pid}-${started}`)
  try {
    await rename(path, claimed)
    return { ...owner, path: claimed }
  } catch {
    return undefined
  }
}

const mark = ".cleaned-by-"

function originalName(name: string): string {
  return name.split(mark, 1)[0] ?? name
}

function cleanerOf(name: string, { machine }: Owner): ProcessIdentity | undefined {
  const [, by] = name.split(mark)
  if (by === undefined) return undefined
  const [pid, started = ""] = by.split("-")
  return { pid: Number(pid), started, machine }
}
