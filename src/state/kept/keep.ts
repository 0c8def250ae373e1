import { randomUUID } from "node:crypto"
import { rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { AlcidesError, Exit, messageOf } from "../../errors.ts"
import type { Encryption } from "../encryption/encryption.ts"
import { formatProject } from "../names.ts"
import type { Project, Writer } from "../store.ts"
import { aboutPath, type KeptAbout } from "./about.ts"
import { contentOf } from "../content.ts"
import { makeFolder, syncFolder, writeNewFile } from "./durable.ts"
import { keptFolderOf, keptName } from "./place.ts"

export type Keep = {
  /** What could not be put: the path of a file, or content that is in no file. */
  readonly source: string | AsyncIterable<Uint8Array>
  /** Its name in the store. */
  readonly name: string
  readonly project: Project
  /** The URL of the store, without credentials. */
  readonly store: string
  /** The version it was made from, when that is known. */
  readonly base: number | "absent" | undefined
  readonly writer: Writer
  readonly message?: string
  /** What the put ended with. */
  readonly error: unknown
  /** Where to keep it, below a folder for the project; normally `keptHome`. Made when it is not there. */
  readonly dir: string
  /** As the store would have had it: with recipients, what is kept is encrypted for them. */
  readonly encryption?: Pick<Encryption, "recipients" | "encrypt">
  /** It was to be put in clear: it is kept and recovered in clear. */
  readonly inClear?: boolean
}

/** Keeps what could not be put into the store, for its owner alone, and returns where. Throws `state-not-kept`. */
export async function keepFile(keep: Keep): Promise<string> {
  const { source, name, project, dir, inClear = false } = keep
  const encryption = inClear ? undefined : keep.encryption
  const folder = keptFolderOf({ dir, project: formatProject(project) })
  const partial = join(folder, `.${randomUUID()}.partial`)
  const clear = typeof source === "string" ? contentOf(source) : source
  const recipients = encryption?.recipients ?? []
  const content = encryption === undefined || recipients.length === 0 ? clear : encryption.encrypt(clear)
  try {
    await makeFolder(folder)
    const stored = await writeNewFile(partial, content)
    const kept = await writeAbout(folder, {
      format: 1,
      name,
      project: formatProject(project),
      store: keep.store,
      ...(keep.base !== undefined && { base: keep.base }),
      writer: { ...keep.writer },
      ...(keep.message !== undefined && { message: keep.message }),
      why: keep.error instanceof AlcidesError ? keep.error.code : "internal",
      ...stored,
      ...(recipients.length > 0 && { encrypted: { recipients: [...recipients] } }),
      ...(inClear && { inClear }),
    })
    await rename(partial, kept)
    await syncFolder(folder)
    return kept
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {})
    throw notKept({ name, source, error: keep.error, cause })
  }
}

// Written before the file gets its name, so that no kept file is ever without it. Two may be kept in the same moment.
async function writeAbout(folder: string, about: Omit<KeptAbout, "file" | "kept">): Promise<string> {
  for (;;) {
    const at = new Date()
    const file = keptName({ name: about.name, at })
    const kept = join(folder, file)
    const text = JSON.stringify({ ...about, file, kept: at.toISOString() } satisfies KeptAbout, undefined, 2)
    try {
      await writeNewFile(aboutPath(kept), once(`${text}\n`))
      return kept
    } catch (error) {
      if (!isTaken(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST"
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

function notKept({
  name,
  source,
  error,
  cause,
}: Pick<Keep, "name" | "source" | "error"> & { readonly cause: unknown }): AlcidesError {
  return new AlcidesError({
    code: "state-not-kept",
    message: `the state file ${JSON.stringify(name)} could be neither put (${messageOf(error)}) nor kept (${messageOf(cause)})`,
    hint:
      typeof source === "string"
        ? `copy ${source} to a safe place now, before this machine is cleaned`
        : "make it again, into a file in a safe place, before what it was made from is gone",
    exit: Exit.stateAtRisk,
    cause,
  })
}
