import { appendFile, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { detectRepo, detectSurely, type RefFlags } from "../../src/pipeline/detect.ts"
import { gitRepository, type GitRepository } from "../support/git.ts"

let repository: GitRepository
beforeEach(async () => {
  repository = await gitRepository()
})
afterEach(() => repository.remove())

const detect = (more: Readonly<Record<string, string>> = {}, flags: RefFlags = {}) =>
  detectRepo({ env: { ...repository.env, ...more }, cwd: repository.root, flags })

const withRemote = (url = "git@github.com:neat-org/neat-repo.git", name = "origin"): void => {
  repository.git("remote", "add", name, url)
  repository.git("update-ref", `refs/remotes/${name}/main`, "HEAD")
}

const ci = {
  GITHUB_ACTIONS: "true",
  GITHUB_REPOSITORY: "ci-org/ci-repo",
  GITHUB_REF: "refs/heads/ci",
  GITHUB_SHA: "c".repeat(40),
  GITHUB_ACTOR: "alice",
}

describe("from git", () => {
  it("reads the branch, the commit, the project and the default branch", async () => {
    const rev = repository.commit()
    withRemote()
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    await mkdir(join(repository.root, "deep"))
    const found = await detectRepo({ env: repository.env, cwd: join(repository.root, "deep") })
    expect(found.repo).toEqual({
      site: "github",
      owner: "neat-org",
      name: "neat-repo",
      ref: "refs/heads/main",
      rev,
      shortRev: rev.slice(0, 7),
      branch: "main",
      tag: null,
      defaultBranch: "main",
      isDefaultBranch: true,
      root: repository.root,
    })
    expect(found.origin).toEqual({ ref: "git", rev: "git", defaultBranch: "git", project: "git" })
    expect(found.writer).toMatchObject({ by: expect.stringContaining("@"), rev })
  })

  it("does not guess the default branch", async () => {
    repository.commit()
    withRemote()
    const { repo, origin } = await detect()
    expect(repo).toMatchObject({ branch: "main", defaultBranch: null, isDefaultBranch: "unknown" })
    expect(origin.defaultBranch).toBe("nobody")
  })

  it("has no ref on a detached HEAD, and no commit before the first", async () => {
    expect((await detect()).repo).toMatchObject({ ref: "refs/heads/main", rev: null, shortRev: null, branch: "main" })
    const rev = repository.commit()
    repository.git("checkout", "--quiet", "--detach")
    expect((await detect()).repo).toMatchObject({ ref: null, rev, branch: null, isDefaultBranch: "unknown" })
  })

  it("has no project without a remote, and none that several remotes leave open", async () => {
    repository.commit()
    expect((await detect()).repo).toMatchObject({ site: null, owner: null, name: null })
    withRemote("git@github.com:me/fork.git", "fork")
    withRemote("git@github.com:neat-org/neat-repo.git", "upstream")
    expect(await detect()).toMatchObject({ repo: { site: null, owner: null }, origin: { project: "nobody" } })
    repository.git("branch", "--quiet", "--set-upstream-to", "upstream/main")
    expect((await detect()).repo).toMatchObject({ site: "github", owner: "neat-org", name: "neat-repo" })
  })

  it("lets no credentials of a remote's URL out", async () => {
    repository.commit()
    withRemote("https://alice:t0ken-of-alice@git.neat.org/neat-org/neat-repo.git")
    const found = await detect()
    expect(found.repo).toMatchObject({ site: "git.neat.org", owner: "neat-org", name: "neat-repo" })
    expect(JSON.stringify(found)).not.toContain("t0ken")
    expect(JSON.stringify(found.repo)).not.toContain("alice")
  })

  it("tells git's own words when git refuses, and goes on without only where that does no harm", async () => {
    repository.commit()
    await appendFile(join(repository.root, ".git/config"), "[broken")
    const at = { env: repository.env, cwd: repository.root }
    const error = {
      code: "git-refused",
      message: expect.stringMatching(
        /^git does not let Alcides look at the checkout in \S+: bad config line \d+ in file .git\/config$/,
      ),
      hint: expect.stringContaining("git status"),
      exit: 2,
    }
    await expect(detectSurely(at)).rejects.toMatchObject(error)
    expect(await detectRepo(at)).toMatchObject({ repo: { rev: null }, commit: undefined, gitFailure: error })
  })

  it("does not take a broken HEAD for no checkout, nor a checkout without git", async () => {
    repository.commit()
    const at = { env: repository.env, cwd: repository.root }
    await expect(detectSurely({ ...at, env: { PATH: "" } })).rejects.toMatchObject({ code: "program-not-found" })
    await writeFile(join(repository.root, ".git/HEAD"), "nonsense\n")
    await expect(detectSurely(at)).rejects.toMatchObject({ code: "git-refused" })
    await rm(join(repository.root, ".git/HEAD"))
    expect((await detectSurely(at)).repo).toMatchObject({ rev: null, ref: null })
  })

  it("takes the first of several URLs of a remote, as git does", async () => {
    repository.commit()
    withRemote("git@github.com:neat-org/neat-repo.git", "origin")
    repository.git("remote", "set-url", "--add", "origin", "git@github.com:neat-org/mirror.git")
    expect((await detect()).repo).toMatchObject({ owner: "neat-org", name: "neat-repo" })
  })

  it("asks git where it was asked itself, also with a relative GIT_DIR", async () => {
    const one = repository.commit()
    const two = repository.commit()
    await mkdir(join(repository.root, "sub"))
    const env = { ...repository.env, GIT_DIR: "../.git", GIT_WORK_TREE: ".." }
    const { commit } = await detectSurely({ env, cwd: join(repository.root, "sub") })
    expect(await commit?.standsTo(one)).toBe("descendant")
    expect(commit?.rev).toBe(two)
  })

  it("knows nothing outside of a checkout, or without git", async () => {
    const outside = await realpath(await mkdtemp(join(tmpdir(), "alcides-outside-")))
    try {
      for (const env of [repository.env, { PATH: "" }]) {
        expect((await detectRepo({ env, cwd: outside })).repo).toMatchObject({
          site: null,
          ref: null,
          rev: null,
          isDefaultBranch: "unknown",
          root: outside,
        })
      }
    } finally {
      await rm(outside, { recursive: true })
    }
  })
})

describe("flags beat the CI, and the CI beats git", () => {
  it("takes the CI's word", async () => {
    repository.commit()
    withRemote()
    const found = await detect(ci)
    expect(found.repo).toMatchObject({ owner: "ci-org", ref: "refs/heads/ci", branch: "ci", rev: "c".repeat(40) })
    expect(found.origin).toEqual({ ref: "github", rev: "github", defaultBranch: "nobody", project: "github" })
    expect(found.writer).toEqual({ by: "alice", rev: "c".repeat(40) })
  })

  it("takes git's default branch where the CI names none, and its commit, but never its ref", async () => {
    const rev = repository.commit()
    withRemote()
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    const { repo, origin } = await detect({ ...ci, GITHUB_REF: "", GITHUB_SHA: "" })
    expect(repo).toMatchObject({ ref: null, branch: null, rev, defaultBranch: "main", isDefaultBranch: "unknown" })
    expect(origin).toMatchObject({ ref: "nobody", rev: "git", defaultBranch: "git" })
  })

  it("takes the flags' word", async () => {
    const rev = repository.commit()
    const { repo, origin } = await detect(ci, { branch: "production", rev: "HEAD" })
    expect(repo).toMatchObject({ ref: "refs/heads/production", branch: "production", rev })
    expect(origin).toMatchObject({ ref: "flag", rev: "flag" })
    expect((await detect(ci, { tag: "v1" })).repo).toMatchObject({ ref: "refs/tags/v1", branch: null, tag: "v1" })
  })

  it("finds no branch in a pull request's ref, whatever it is called", async () => {
    repository.commit()
    for (const ref of ["refs/pull/7/merge", "refs/pull/7/head", "refs/merge-requests/7/head", "refs/pull/heads/main"]) {
      expect((await detect({ ...ci, GITHUB_REF: ref })).repo).toMatchObject({
        ref,
        branch: null,
        tag: null,
        isDefaultBranch: false,
      })
    }
  })
})

describe("mistakes", () => {
  it.each([
    [{ ref: "refs/heads/a", branch: "a" }, "ref-flags-conflict", "--ref and --branch were both given"],
    [{ branch: "a", tag: "b" }, "ref-flags-conflict", "--branch and --tag were both given"],
    [{ ref: "main" }, "ref-invalid", '--ref: "main" is no full ref'],
    [{ ref: "" }, "ref-invalid", '--ref: "" is no full ref'],
    [{ branch: "" }, "ref-invalid", '--branch: "" is no name'],
    [{ branch: "a b" }, "ref-invalid", '--branch: "a b" is no name'],
    [{ tag: "a..b" }, "ref-invalid", '--tag: "a..b" is no name'],
    [{ branch: "a/" }, "ref-invalid", '--branch: "a/" is no name'],
    [{ branch: "refs/heads/a" }, "ref-invalid", '--branch: "refs/heads/a" is no name'],
    [{ branch: "a//b" }, "ref-invalid", '--branch: "a//b" is no name'],
    [{ branch: "@{-1}" }, "ref-invalid", '--branch: "@{-1}" is no name'],
    [{ branch: "-x" }, "ref-invalid", '--branch: "-x" is no name'],
    [{ tag: "v1.lock" }, "ref-invalid", '--tag: "v1.lock" is no name'],
    [{ rev: "nonsense" }, "rev-invalid", '--rev: "nonsense" is no commit that this clone knows'],
    [{ rev: "--output=/tmp/x" }, "rev-invalid", '--rev: "--output=/tmp/x" is no commit that this clone knows'],
    [{ rev: "" }, "rev-invalid", '--rev: "" is no commit that this clone knows'],
  ])("%j", async (flags, code, message) => {
    repository.commit()
    await expect(detect({}, flags)).rejects.toMatchObject({ code, message, exit: 2, hint: expect.any(String) })
  })

  it("takes a full commit's name at its word", async () => {
    expect((await detect({}, { rev: "ABCDEF0123".repeat(4) })).repo).toMatchObject({
      rev: "abcdef0123".repeat(4),
      shortRev: "abcdef0",
    })
  })
})
