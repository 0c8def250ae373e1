import { AlcidesError } from "../../errors.ts"
import type { StateRecord, StoredContent, VersionRecord } from "../records/state-record.ts"

export type CopyPlan = {
  /** Versions of the source that the target does not have yet, oldest first. */
  readonly missing: readonly VersionRecord[]
  /** Contents that the target has already: its name for each of the source's. */
  readonly known: ReadonlyMap<string, string>
  /** The target's own versions, with the pins that the source gives them. */
  readonly kept: readonly VersionRecord[]
  /** Whether the target is as it should be. */
  readonly isDone: boolean
}

type Sides = {
  readonly source: StateRecord
  readonly target: StateRecord
  /** The URL of the target's store. */
  readonly at: string
}

/**
 * What to do so that the target has every version of the source. Nothing of the target's is taken away: what the source pruned or
 * unpinned stays, what the target pruned is not brought back, and a content that was encrypted anew on one side stays as it is there.
 * Throws `state-diverged` when the target is no earlier state of the source.
 */
export function planCopy({ source, target, at }: Sides): CopyPlan {
  const sourceOf = new Map(source.versions.map((version) => [version.version, version]))
  const known = new Map<string, string>()
  const kept: VersionRecord[] = []
  for (const version of target.versions) {
    const original = sourceOf.get(version.version)
    if (original !== undefined && !isSameVersion(original, version)) throw otherVersion({ target, at }, version)
    if (original?.blob !== undefined && version.blob !== undefined && original.sha256 === version.sha256)
      known.set(original.blob, version.blob)
    const pinned = version.pinned ?? original?.pinned
    kept.push(pinned === undefined ? version : { ...version, pinned })
  }
  const last = target.versions.at(-1)
  if (last !== undefined && !sourceOf.has(last.version))
    throw (source.versions.at(-1)?.version ?? 0) < last.version
      ? newer({ target, at }, last)
      : unknown({ target, at }, last)
  const missing = source.versions.filter(({ version }) => version > (last?.version ?? 0))
  const arePinned = kept.every(({ pinned }, index) => pinned === target.versions[index]?.pinned)
  return { missing, known, kept, isDone: missing.length === 0 && arePinned }
}

/** The target's record when everything that is missing was copied. `copied` says what became of the contents of the source. */
export function applyCopy(
  target: StateRecord,
  {
    plan: { missing, known, kept },
    copied,
  }: { readonly plan: CopyPlan; readonly copied: ReadonlyMap<string, StoredContent> },
): StateRecord {
  const added = missing.map((version) => {
    if (version.blob === undefined) return version
    const blob = known.get(version.blob)
    if (blob !== undefined) return { ...version, blob }
    const content = copied.get(version.blob)
    if (content === undefined) throw new Error(`the content of version ${version.version} was not copied`)
    return { ...version, ...content }
  })
  return { ...target, versions: [...kept, ...added] }
}

// Each write has an id of its own, which a copy keeps. The stored bytes of an encrypted version change with its recipients, and some
// servers do not tell the hash of an old version.
function isSameVersion(original: VersionRecord, version: VersionRecord): boolean {
  if (original.id !== version.id) return false
  return (
    original.sha256 === "" ||
    original.sha256 === version.sha256 ||
    original.encrypted !== undefined ||
    version.encrypted !== undefined
  )
}

function newer(sides: Omit<Sides, "source">, { version, writer, created }: VersionRecord): AlcidesError {
  return diverged(sides, `has version ${version}, by ${writer.by} at ${created}, which the source does not have`)
}

function otherVersion(sides: Omit<Sides, "source">, { version, writer, created }: VersionRecord): AlcidesError {
  return diverged(sides, `has another version ${version} than the source, by ${writer.by} at ${created}`)
}

function unknown(sides: Omit<Sides, "source">, { version }: VersionRecord): AlcidesError {
  return diverged(
    sides,
    `ends with version ${version}, which the source has pruned: whether they are the same cannot be told`,
  )
}

function diverged({ target: { name }, at }: Omit<Sides, "source">, what: string): AlcidesError {
  return new AlcidesError({
    code: "state-diverged",
    message: `${JSON.stringify(name)} at ${at} ${what}`,
    hint: "nothing of it was changed; copy into an empty store, then compare the two with `alcides state history` and decide which goes on",
  })
}
