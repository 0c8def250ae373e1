import type { GitOptions } from "./ask-git.ts"
import { commitTime, compareCommits } from "./git.ts"

/** How two commits stand to each other, as far as a clone knows them. */
export type Ancestry = Awaited<ReturnType<typeof compareCommits>>

/** The commit that this runs for. Git is asked when an answer is first needed, and once, however many effects need it. */
export type Commit = {
  readonly rev: string
  /** The committer's time, ISO 8601; `null` when this clone does not have the commit. */
  committed(): Promise<string | null>
  /** How it stands to another commit. */
  standsTo(other: string): Promise<Ancestry>
}

export function commitOf(rev: string, git: GitOptions): Commit {
  let time: Promise<string | null> | undefined
  const ancestries = new Map<string, Promise<Ancestry>>()
  return {
    rev,
    committed: () => (time ??= commitTime(rev, git).then((found) => found ?? null)),
    standsTo(other) {
      const asked = ancestries.get(other) ?? compareCommits({ older: rev, newer: other }, git)
      ancestries.set(other, asked)
      return asked
    },
  }
}
