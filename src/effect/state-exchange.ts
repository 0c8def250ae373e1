import { createWriteStream } from "node:fs"
import { mkdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { AlcidesError, Exit, messageOf, unlessMissing } from "../errors.ts"
import { contentOf, digestOf, hashed, type Digest } from "../state/content.ts"
import { keepFile } from "../state/kept.ts"
import { formatProject } from "../state/names.ts"
import { assertInClear } from "../state/encryption/sealing.ts"
import type { Lease, StateStore, Writer } from "../state/store.ts"
import type { ResolvedStateFileUse, StateFile } from "./effect.ts"

/** What became of one state file in a run. */
export type StateChange = {
  readonly name: string
  readonly from: number | "absent"
  readonly to: number | "absent"
  /** Where the file lies that could not be put. */
  readonly kept?: string
}

/** A state file as it was fetched. */
export type FetchedFile = StateFile & {
  readonly use: ResolvedStateFileUse
  /** Of what is in the file, not of what is in the store, which may be encrypted: it tells whether the file was changed. */
  readonly fetched: Digest | undefined
}

export type Exchange = {
  readonly store: StateStore
  /** By state file. */
  readonly leases: ReadonlyMap<string, Lease>
  readonly writer: Writer
  readonly message: string
  /** Where files go that cannot be put. */
  readonly keptFolder: string
}

/**
 * Fetches the state files of an effect into `folder`. Throws `state-missing` where a file must exist, and `state-encryption-expected`
 * where it could not be put back.
 */
export async function fetchStateFiles(
  uses: readonly ResolvedStateFileUse[],
  { store, leases, folder }: Pick<Exchange, "store" | "leases"> & { readonly folder: string },
): Promise<readonly FetchedFile[]> {
  if (uses.length === 0) return []
  const files = join(folder, "files")
  await mkdir(files, { mode: 0o700 })
  return Promise.all(
    uses.map(async (use) => {
      const path = join(files, use.name)
      const lease = leases.get(use.name)
      await assertMayPut(use, store)
      const read = await store.get(use.name, lease === undefined ? {} : { lease })
      if (read === undefined && use.onMissing === "fail") throw stateMissing(use, store)
      const fetched = read === undefined ? undefined : await writeContent(read.content, path)
      return { name: use.name, path, use, fetched, version: read?.version.version ?? "absent" }
    }),
  )
}

// Before the effect has changed anything: afterwards, the state could only be kept.
async function assertMayPut({ name, access }: ResolvedStateFileUse, store: StateStore): Promise<void> {
  if (access === "read" || (store.encryption?.recipients ?? []).length > 0) return
  assertInClear(name, (await store.history(name)) ?? [])
}

async function writeContent(content: AsyncIterable<Uint8Array>, path: string): Promise<Digest> {
  const passing = hashed(content)
  await pipeline(Readable.from(passing.content), createWriteStream(path, { mode: 0o600 }))
  return passing.digest()
}

/** That a state file which must exist is not there. */
export function stateMissing(
  { name, missingMeans }: ResolvedStateFileUse,
  { project }: Pick<StateStore, "project">,
): AlcidesError {
  return new AlcidesError({
    code: "state-missing",
    message: `${formatProject(project)} has no state file ${name}, and the effect forbids to go on without it${missingMeans === undefined ? "" : ` (${missingMeans})`}`,
    hint: "check the name and the project with: alcides state list",
  })
}

/**
 * Puts back, on top of the versions that were fetched, what changed. Every file is tried; one that cannot be put is kept.
 * The second part says what went wrong, in the order of the files.
 */
export async function putStateFiles(
  files: readonly FetchedFile[],
  exchange: Exchange,
): Promise<{ readonly changes: readonly StateChange[]; readonly failures: readonly AlcidesError[] }> {
  const changes: StateChange[] = []
  const failures: AlcidesError[] = []
  for (const file of files) {
    const { name, version: from } = file
    try {
      changes.push({ name, from, to: await putOne(file, exchange) })
    } catch (error) {
      const { kept, failure } = await keepOne(file, { error, exchange })
      changes.push({ name, from, to: from, kept })
      failures.push(failure)
    }
  }
  return { changes, failures }
}

async function putOne(file: FetchedFile, { store, leases, writer, message }: Exchange): Promise<number | "absent"> {
  const { name, path, version, use, fetched } = file
  if (use.access === "read") return version
  const info = await unlessMissing(stat(path), undefined)
  if (info === undefined) return version
  if (info.size === 0 && !use.mayBeEmpty) {
    throw new AlcidesError({
      code: "state-empty",
      message: `the new ${name} is empty, and an empty state file is never put`,
    })
  }
  if (info.size === 0 && fetched === undefined) return version
  if (fetched?.size === info.size && fetched.sha256 === (await digestOf(contentOf(path))).sha256) return version
  const lease = leases.get(name)
  const put = await store.put(name, contentOf(path), {
    base: version,
    writer,
    message,
    ...(lease !== undefined && { lease }),
  })
  return put.version
}

// A file that cannot even be kept stays where it is.
async function keepOne(
  file: FetchedFile,
  { error, exchange: { store, writer, message, keptFolder } }: { readonly error: unknown; readonly exchange: Exchange },
): Promise<{ readonly kept: string; readonly failure: AlcidesError }> {
  const { name, path, version: base } = file
  try {
    const kept = await keepFile({
      source: path,
      name,
      project: store.project,
      store: store.url,
      base,
      writer,
      message,
      error,
      dir: keptFolder,
      ...(store.encryption !== undefined && { encryption: store.encryption }),
    })
    return { kept, failure: notPut({ file, kept, error }) }
  } catch (notKept) {
    if (notKept instanceof AlcidesError) return { kept: path, failure: notKept }
    throw notKept
  }
}

function notPut({
  file: { name },
  kept,
  error,
}: {
  readonly file: FetchedFile
  readonly kept: string
  readonly error: unknown
}): AlcidesError {
  return new AlcidesError({
    code: "state-not-put",
    message: `state file ${name} could not be put (${messageOf(error)}); it is kept in ${kept}`,
    hint: `look at it, then: alcides state recover --file ${kept}`,
    cause: error,
    exit: Exit.stateAtRisk,
  })
}
