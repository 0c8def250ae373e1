import { AlcidesError } from "../../errors.ts"
import type { Heads } from "../records/heads.ts"
import { stateKeys } from "../keys.ts"
import type { ProjectObjects } from "../project-objects.ts"

// A blob that no head names may be a write under way: it is left alone for a day, and a write that takes longer than half of that gives up.
const orphanAge = 24 * 3600_000

/** How long a write may take from before its first blob to its head, in milliseconds. */
export const longestWrite = 12 * 3600_000

/**
 * Looks for contents that crashed writers left. What it returns removes them, and is to be called when the writing is done:
 * the head is read again then.
 */
export async function findOrphans(
  name: string,
  { objects, project, heads }: ProjectObjects & { readonly heads: Heads },
): Promise<() => Promise<void>> {
  const { blobs } = stateKeys(project, name)
  const now = await objects.now()
  const old = (await objects.blobs(blobs)).filter(({ modified }) => modified + orphanAge < now)
  return async () => {
    const used = new Set((await heads.read(name))?.versions.map(({ blob }) => blob))
    for (const { name: blob } of old) if (!used.has(blob)) await objects.removeBlob(blobs, blob)
  }
}

/** A write took so long that what it wrote may be taken for an orphan. */
export function writeTooLong(name: string): AlcidesError {
  return new AlcidesError({
    code: "state-write-too-long",
    message: `writing ${JSON.stringify(name)} took more than ${longestWrite / 3600_000} hours`,
    hint: "put it again over a faster line; nothing was changed",
  })
}

/** Removes what crashed writers left, when nothing of ours is on its way. */
export async function sweepOrphans(name: string, at: ProjectObjects & { readonly heads: Heads }): Promise<void> {
  const remove = await findOrphans(name, at)
  await remove()
}
