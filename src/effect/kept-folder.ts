import { createReadStream, createWriteStream } from "node:fs"
import { chmod, cp, lstat, mkdtemp, readdir } from "node:fs/promises"
import { join, relative } from "node:path"
import { pipeline } from "node:stream/promises"
import { AlcidesError, Exit, messageOf, unlessMissing } from "../errors.ts"
import { makeFolders } from "../folders.ts"
import type { Encryption } from "../state/encryption/encryption.ts"
import { keptFolderOf, keptIn } from "../state/kept.ts"
import type { Effect } from "./effect.ts"

export type KeepFolder = {
  /** The folder with what state is made from. */
  readonly source: string
  readonly effect: string
  /** Where to keep it. Made, for its owner alone, when it is not there. */
  readonly dir: string
  /** As the store would have had it: with recipients, each file is encrypted for them, and its name ends in `.age`. */
  readonly encryption?: Encryption | undefined
}

/** Keeps a copy of everything that state is made from, and returns where. Throws `state-not-kept`. */
export async function keepFolder({ source, effect, dir, encryption }: KeepFolder): Promise<string> {
  const isSealed = encryption !== undefined && encryption.recipients.length > 0
  const time = new Date().toISOString().replaceAll(/[:.]/g, "-")
  try {
    await makeFolders(dir)
    const kept = await mkdtemp(join(dir, `${time}-${effect}-`))
    await cp(source, kept, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      // The socket of an ssh connection or an agent cannot be copied, and is no state.
      filter: async (path) => {
        const entry = await lstat(path)
        return isState(entry) && !(isSealed && entry.isFile())
      },
    })
    if (isSealed) await sealFiles({ source, target: kept, encryption })
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

async function sealFiles({
  source,
  target,
  encryption,
}: {
  readonly source: string
  readonly target: string
  readonly encryption: Encryption
}): Promise<void> {
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const sealed = createWriteStream(`${join(target, relative(source, path))}.age`, { flags: "wx", mode: 0o600 })
    await pipeline(encryption.encrypt(createReadStream(path)), sealed)
  }
}

/** Throws `state-kept` when an earlier run of the effect left state that is not in the store: going on without it could make things twice. */
export async function assertNothingKept(
  effect: Effect,
  { dir, project }: { readonly dir: string; readonly project: string },
): Promise<void> {
  const { name, state } = effect
  const first = (await keptIn(keptFolderOf({ dir, project }))).find((kept) =>
    kept.kind === "folder" ? kept.name === name : state.some((file) => file.name === kept.name),
  )
  if (first === undefined) return
  throw new AlcidesError({
    code: "state-kept",
    message: `an earlier run of ${name} could not put its state, and what it knew is still in ${first.path}`,
    hint:
      first.kind === "folder"
        ? `put what is in it into the store, then remove the folder: state files lie in its files/, for \`alcides state put\`; for NixOps, see the guide to deploy a network`
        : `look at it, then: alcides state recover --file ${first.path}`,
    exit: Exit.stateAtRisk,
  })
}

/** Whether there is anything in a folder, at whatever depth, that would be worth keeping. */
export async function holdsFiles(folder: string): Promise<boolean> {
  const entries = await unlessMissing(readdir(folder, { recursive: true, withFileTypes: true }), [])
  return entries.some((entry) => entry.isFile() || entry.isSymbolicLink())
}

function isState(entry: {
  readonly isFile: () => boolean
  readonly isDirectory: () => boolean
  readonly isSymbolicLink: () => boolean
}): boolean {
  return entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()
}
