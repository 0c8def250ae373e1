/** What a pipeline knows of the commit it runs for. Nothing here is guessed: what is not known is `null` or "unknown". */
export type Repo = {
  /** The forge as in Hercules CI's project paths, such as `github`. */
  readonly site: string | null
  readonly owner: string | null
  readonly name: string | null
  /** The full ref, such as `refs/heads/production`. A pull request's ref matches no branch. */
  readonly ref: string | null
  readonly rev: string | null
  /** The first seven characters of `rev`. */
  readonly shortRev: string | null
  readonly branch: string | null
  readonly tag: string | null
  readonly defaultBranch: string | null
  /** "unknown" is neither: compare with `=== true`. */
  readonly isDefaultBranch: boolean | "unknown"
  /** The checkout's top folder, absolute. */
  readonly root: string
}
