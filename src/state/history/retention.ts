import { versionAbsent, type StateRecord, type VersionRecord } from "../records/state-record.ts"
import type { Pin } from "../store.ts"

/** Which versions to keep; a version is kept when any of the rules wants it. */
export type Retention = {
  /** The newest N versions with content. */
  readonly keepLast?: number
  /** Whatever was current at any time in the last D days. */
  readonly keepDays?: number
}

const day = 24 * 3600_000

/**
 * Takes out the versions that nothing wants any more; the same record back when there is none.
 * The newest version stays whatever the rules say: it is what `get` answers with, and the next number counts on from it.
 */
export function pruneVersions(
  record: StateRecord,
  { keepLast = 0, keepDays, now }: Retention & { /** Milliseconds, by the store's clock. */ readonly now: number },
): { readonly record: StateRecord; readonly removed: readonly VersionRecord[] } {
  let newer = 0
  let replaced = Number.POSITIVE_INFINITY
  const removed = new Set<VersionRecord>()
  for (const version of record.versions.toReversed()) {
    // Without a rule of days the time decides nothing: a server's clock counts whole seconds, and may be behind the last put.
    const isWanted = newer < keepLast || (keepDays !== undefined && replaced > now - keepDays * day)
    if (replaced !== Number.POSITIVE_INFINITY && version.pinned === undefined && !isWanted) removed.add(version)
    if (version.blob !== undefined) newer += 1
    replaced = Date.parse(version.created)
  }
  if (removed.size === 0) return { record, removed: [] }
  const versions = record.versions.filter((version) => !removed.has(version))
  return { record: { ...record, versions }, removed: [...removed].toReversed() }
}

/** The contents of these versions that no version of the record has any more. */
export function unusedBlobs(
  record: StateRecord,
  removed: readonly VersionRecord[],
): readonly { readonly blob: string; readonly size: number }[] {
  const used = new Set(record.versions.map(({ blob }) => blob))
  const unused = new Map<string, number>()
  for (const { blob, size } of removed) if (blob !== undefined && !used.has(blob)) unused.set(blob, size)
  return Array.from(unused, ([blob, size]) => ({ blob, size }))
}

/** Marks a version as one to keep, or with no pin as one that need not be. Throws `state-version-absent`. */
export function pinVersion(
  record: StateRecord,
  { version: number, pin }: { readonly version: number; readonly pin: Pin | undefined },
): StateRecord {
  const found = record.versions.find(({ version }) => version === number)
  if (found?.blob === undefined) throw versionAbsent(record, number)
  if (found.pinned === undefined && pin === undefined) return record
  const { pinned: _, ...unpinned } = found
  const changed = pin === undefined ? unpinned : { ...unpinned, pinned: { ...pin } }
  return { ...record, versions: record.versions.with(record.versions.indexOf(found), changed) }
}
