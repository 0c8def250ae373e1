import { headRecords } from "../records/heads.ts"
import { stateKeys } from "../keys.ts"
import { lockStore } from "../locks/locks.ts"
import { sweepOrphans } from "./orphans.ts"
import { writePermission } from "../locks/permission.ts"
import type { ProjectObjects } from "../project-objects.ts"
import { pruneVersions, unusedBlobs, type Retention } from "./retention.ts"
import { publicVersion, type VersionRecord } from "../records/state-record.ts"
import type { LeaseId, StateVersion } from "../store.ts"

export type Pruned = {
  readonly name: string
  /** Oldest first. */
  readonly removed: readonly StateVersion[]
  /** What their contents took in the store; a content that a kept version shares is not counted. */
  readonly bytes: number
}

/**
 * Removes the versions that the retention does not want: first from the head, then their contents. Killed in between, it leaves
 * contents that no head names, which a later prune or put removes. Throws `state-locked` or `lease-lost`.
 */
export async function pruneState(
  { objects, project }: ProjectObjects,
  { name, retention, lease }: { readonly name: string; readonly retention: Retention; readonly lease: LeaseId },
): Promise<Pruned> {
  const heads = headRecords({ objects, project })
  const mayWrite = writePermission(name, { lease, locks: lockStore({ objects, project }) })
  // A swap that could not be told from a lost one may have landed: what any attempt took out is looked at in the end.
  const taken = new Map<string, VersionRecord>()
  const kept = await heads.update(name, async (head) => {
    const allowed = await mayWrite(head)
    const { record, removed } = pruneVersions(allowed, { ...retention, now: await objects.now() })
    for (const version of removed) taken.set(version.id, version)
    return removed.length === 0 ? { record: head.record, answer: head.record } : { record, answer: record }
  })
  const removed = [...taken.values()].filter(({ id }) => !kept.versions.some((version) => version.id === id))
  const { blobs } = stateKeys(project, name)
  const unused = unusedBlobs(kept, removed)
  for (const { blob } of unused) await objects.removeBlob(blobs, blob)
  await sweepOrphans(name, { objects, project, heads })
  return prunedOf(name, { removed, unused })
}

/** What `pruneState` would remove now. */
export async function planPrune(
  { objects, project }: ProjectObjects,
  { name, retention }: { readonly name: string; readonly retention: Retention },
): Promise<Pruned> {
  const before = await headRecords({ objects, project }).read(name)
  if (before === undefined) return { name, removed: [], bytes: 0 }
  const { record, removed } = pruneVersions(before, { ...retention, now: await objects.now() })
  return prunedOf(name, { removed, unused: unusedBlobs(record, removed) })
}

function prunedOf(
  name: string,
  {
    removed,
    unused,
  }: { readonly removed: readonly VersionRecord[]; readonly unused: readonly { readonly size: number }[] },
): Pruned {
  return { name, removed: removed.map(publicVersion), bytes: unused.reduce((sum, { size }) => sum + size, 0) }
}
