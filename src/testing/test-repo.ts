import type { Repo } from "../repo.ts"

/** A repository context for tests: `github/example/repo` on its default branch `main`, unless told otherwise. */
export function testRepo(fields: Partial<Repo> = {}): Repo {
  const ref = fields.ref === undefined ? "refs/heads/main" : fields.ref
  const branch = ref?.startsWith("refs/heads/") === true ? ref.slice("refs/heads/".length) : null
  const rev = "0123456789abcdef0123456789abcdef01234567"
  return {
    site: "github",
    owner: "example",
    name: "repo",
    ref,
    rev,
    shortRev: rev.slice(0, 7),
    branch,
    tag: ref?.startsWith("refs/tags/") === true ? ref.slice("refs/tags/".length) : null,
    defaultBranch: "main",
    isDefaultBranch: branch === "main",
    root: process.cwd(),
    ...fields,
  }
}
