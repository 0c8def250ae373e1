import type { Repo } from "../../src/repo.ts"

/** A repository context for tests: `github/neat-org/neat-repo` on `main`, unless told otherwise. */
export function fixedRepo(fields: Partial<Repo> = {}): Repo {
  return {
    site: "github",
    owner: "neat-org",
    name: "neat-repo",
    ref: "refs/heads/main",
    rev: "0123456789abcdef0123456789abcdef01234567",
    shortRev: "0123456",
    branch: "main",
    tag: null,
    defaultBranch: "main",
    isDefaultBranch: true,
    root: process.cwd(),
    ...fields,
  }
}
