import { execFileSync } from "node:child_process"
import { mkdtemp, realpath, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

export type GitRepository = {
  readonly root: string
  /** What git and Alcides need, and nothing of this machine's own settings. */
  readonly env: Record<string, string>
  git(...args: readonly string[]): string
  /** Makes a commit, and returns its name. The times of commits grow. */
  commit(message?: string): string
  remove(): Promise<void>
}

/** A real repository in a folder of its own, on the branch `main`, without a commit. */
export async function gitRepository({ branch = "main" }: { readonly branch?: string } = {}): Promise<GitRepository> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "alcides-git-")))
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: root,
    GIT_CONFIG_GLOBAL: "/dev/null",
  }
  const identity = { name: "A U Thor", email: "author@example.org" }
  let time = 1_700_000_000
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...env,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_AUTHOR_NAME: identity.name,
        GIT_AUTHOR_EMAIL: identity.email,
        GIT_COMMITTER_NAME: identity.name,
        GIT_COMMITTER_EMAIL: identity.email,
        GIT_AUTHOR_DATE: `${time} +0000`,
        GIT_COMMITTER_DATE: `${time} +0000`,
      },
    }).trim()
  git("init", "--quiet", "--initial-branch", branch)
  return {
    root,
    env,
    git,
    commit(message = "change") {
      time += 60
      git("commit", "--quiet", "--allow-empty", "--message", message)
      return git("rev-parse", "HEAD")
    },
    remove: () => rm(root, { recursive: true, force: true }),
  }
}
