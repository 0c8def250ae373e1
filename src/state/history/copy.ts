import { isDeepStrictEqual } from "node:util"
import { AlcidesError } from "../../errors.ts"
import { assertNameFits, isLeftAlone, leftOut, nothingToCopy } from "./copy-failures.ts"
import { applyCopy, planCopy, type CopyPlan } from "./copy-plan.ts"
import { storedContent, type CopySource } from "./copy-source.ts"
import { headRecords } from "../records/heads.ts"
import { inParallel } from "../in-parallel.ts"
import { stateKeys } from "../keys.ts"
import { lockStore } from "../locks/locks.ts"
import type { ObjectStore } from "../objects.ts"
import { sweepOrphans, longestWrite, writeTooLong } from "./orphans.ts"
import { writePermission } from "../locks/permission.ts"
import { emptyStateRecord, type StateRecord, type StoredContent, type VersionRecord } from "../records/state-record.ts"
import type { LeaseId, Project } from "../store.ts"

const filesAtOnce = 3
const contentsAtOnce = 3

/** Holds the lock of one state file in the target while `act` runs. */
export type Hold = <T>(name: string, act: (lease: LeaseId) => Promise<T>) => Promise<T>

export type Copy = {
  readonly from: CopySource
  readonly to: ObjectStore
  readonly project: Project
  readonly hold: Hold
  /** Called as soon as one state file is done. */
  readonly onCopied?: (copied: Copied) => void
}

export type Copied = {
  readonly name: string
  /** The versions that were copied now, oldest first. */
  readonly copied: readonly number[]
  /** How much was sent to the target now, as stored. */
  readonly bytes: number
  /** How many versions the target has. All of their contents have been read back. */
  readonly versions: number
}

/**
 * Copies every version of every state file of a project, with its number, time, writer and pin, as it is stored: contents first, each
 * checked on its way and read back, then the head. What is copied is what the heads name when it begins, or later where a content
 * was pruned or encrypted anew meanwhile. Locks are not copied.
 * Throws `state-diverged` and `state-name-invalid` when all other state files are done, and `state-absent` when there is none.
 */
export async function copyProject(copy: Copy): Promise<readonly Copied[]> {
  const { from, onCopied } = copy
  const heads = await from.heads()
  if (heads.length === 0) throw nothingToCopy(copy)
  const done: Copied[] = []
  const refused: AlcidesError[] = []
  await inParallel(heads, {
    atOnce: filesAtOnce,
    act: async (source) => {
      try {
        assertNameFits(source.name, from.url)
        const copied = await copyState(copy, source)
        done.push(copied)
        onCopied?.(copied)
      } catch (error) {
        if (!isLeftAlone(error)) throw error
        refused.push(error)
      }
    },
  })
  const [first, ...others] = refused.sort((a, b) => (a.message < b.message ? -1 : 1))
  if (first !== undefined) throw leftOut([first, ...others], { isPart: done.some(({ copied }) => copied.length > 0) })
  return done.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function copyState(copy: Copy, source: StateRecord): Promise<Copied> {
  try {
    return await copyVersions(copy, source)
  } catch (error) {
    if (!(error instanceof AlcidesError) || error.code !== "state-content-missing") throw error
    // It may have been pruned, or encrypted anew, since the head was read.
    const now = await copy.from.head(source.name)
    if (now === undefined || isDeepStrictEqual(now.versions, source.versions)) throw error
    return copyState(copy, now)
  }
}

async function copyVersions(copy: Copy, source: StateRecord): Promise<Copied> {
  const { to, project, hold } = copy
  const { name } = source
  const heads = headRecords({ objects: to, project })
  const targetNow = async (): Promise<StateRecord> => (await heads.read(name)) ?? emptyStateRecord(name)

  const target = await targetNow()
  if (planCopy({ source, target, at: to.url }).isDone) {
    await verifyContents(copy, target)
    return { name, copied: [], bytes: 0, versions: target.versions.length }
  }
  return hold(name, async (lease) => {
    const started = await to.now()
    const before = await targetNow()
    const plan = planCopy({ source, target: before, at: to.url })
    const { copied, bytes } = await copyContents(copy, { name, plan })
    await verifyContents(copy, applyCopy(before, { plan, copied }))
    const mayWrite = writePermission(name, { lease, locks: lockStore({ objects: to, project }) })
    const after = await heads.update(name, async (head) => {
      const allowed = await mayWrite(head)
      if ((await to.now()) - started > longestWrite) throw writeTooLong(name)
      // Somebody may have pinned a version meanwhile, which takes no lease.
      const again = planCopy({ source, target: allowed, at: to.url })
      const record = again.isDone ? head.record : applyCopy(allowed, { plan: again, copied })
      return { record, answer: record }
    })
    // A backup is not put to, which would do it.
    await sweepOrphans(name, { objects: to, project, heads })
    const numbers = plan.missing.map(({ version }) => version)
    return { name, copied: numbers, bytes, versions: after.versions.length }
  })
}

/** Copies what the target does not have, and returns what became of the contents of the source. */
async function copyContents(
  { from, to, project }: Copy,
  { name, plan }: { readonly name: string; readonly plan: CopyPlan },
): Promise<{ readonly copied: ReadonlyMap<string, StoredContent>; readonly bytes: number }> {
  const { blobs } = stateKeys(project, name)
  const copied = new Map<string, StoredContent>()
  let bytes = 0
  await inParallel(contentsOf(plan.missing, plan.known), {
    atOnce: contentsAtOnce,
    act: async ({ blob, version }) => {
      const { content, ...found } = await from.content({ name, version })
      const written = await to.writeBlob(blobs, {
        stem: String(version.version),
        content,
      })
      const { name: copy, size, sha256 } = written
      copied.set(blob, { blob: copy, size, sha256, ...found })
      bytes += size
    },
  })
  return { copied, bytes }
}

/** Reads every content of the record back. Throws `state-content-corrupt`, `-truncated` or `-missing`. */
async function verifyContents({ to, project }: Copy, { name, versions }: StateRecord): Promise<void> {
  await inParallel(contentsOf(versions), {
    atOnce: contentsAtOnce,
    act: async ({ version }) => {
      for await (const _ of storedContent({ objects: to, project }, { name, version }));
    },
  }).catch((error: unknown) => {
    throw error instanceof AlcidesError && error.code.startsWith("state-content-") ? targetDamaged(error) : error
  })
}

function targetDamaged({ code, message, cause }: AlcidesError): AlcidesError {
  return new AlcidesError({ code, message, cause, hint: "look at that disk or server, and copy into an empty store" })
}

type ContentOf = { readonly blob: string; readonly version: VersionRecord }

/** Each content once, with the first version that has it. */
function contentsOf(
  versions: readonly VersionRecord[],
  known: ReadonlyMap<string, unknown> = new Map(),
): readonly ContentOf[] {
  const contents = new Map<string, ContentOf>()
  for (const version of versions) {
    const { blob } = version
    if (blob !== undefined && !known.has(blob) && !contents.has(blob)) contents.set(blob, { blob, version })
  }
  return [...contents.values()]
}
