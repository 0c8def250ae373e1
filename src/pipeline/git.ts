import { existsSync, realpathSync, statSync } from "node:fs"
import { join } from "node:path"
import { usageError, type AlcidesError } from "../errors.ts"
import { askGit, type GitAnswer, type GitOptions } from "./ask-git.ts"
import { checkoutRoot } from "./find.ts"

export type Checkout = {
  /** The top folder, absolute. */
  readonly root: string
  /** `null` on a detached HEAD. */
  readonly ref: string | null
  /** `null` before the first commit. */
  readonly rev: string | null
  /** The URL of the one remote, or of the current branch's upstream. */
  readonly remoteUrl: string | null
  /** What the remote's HEAD points to, as far as this clone knows. */
  readonly defaultBranch: string | null
}

/**
 * What git says of the checkout around `cwd`; `undefined` outside one. Throws `program-not-found` without git, and `git-refused` when git
 * does not let us look at what is there, which is no reason to go on as if there were nothing.
 */
export async function readCheckout({ env, cwd }: GitOptions): Promise<Checkout | undefined> {
  const ask = (...args: string[]): Promise<GitAnswer> => askGit(args, { env, cwd })
  // Outside a checkout, git need not be started, several times, to say so.
  if (env["GIT_DIR"] === undefined && existsSync(cwd) && dotGitAround(cwd) === undefined) return undefined
  const [place, config] = await Promise.all([
    ask("rev-parse", "--show-toplevel", "HEAD", "--symbolic-full-name", "HEAD"),
    ask("config", "--get-regexp", String.raw`^(remote\..*\.url|branch\..*\.remote)$`),
  ])
  const found = place.answer?.split("\n") ?? (await readUnborn(ask, cwd))
  if (found === undefined) return undefined
  const [root = "", rev, name] = found
  const head = name === "HEAD" ? undefined : name
  const remote = chooseRemote({ config: config.answer ?? "", branch: head?.replace(/^refs\/heads\//, "") })
  const remoteHead =
    remote === undefined ? undefined : (await ask("symbolic-ref", "--quiet", `refs/remotes/${remote.name}/HEAD`)).answer
  return {
    root,
    ref: head ?? null,
    rev: rev ?? null,
    remoteUrl: remote?.url ?? null,
    defaultBranch: remoteHead?.slice(`refs/remotes/${remote?.name}/`.length) ?? null,
  }
}

// Before the first commit, HEAD names a branch that is not there yet, and git refuses to speak of it.
async function readUnborn(
  ask: (...args: string[]) => Promise<GitAnswer>,
  cwd: string,
): Promise<readonly (string | undefined)[] | undefined> {
  const [root, name] = await Promise.all([ask("rev-parse", "--show-toplevel"), ask("symbolic-ref", "--quiet", "HEAD")])
  if (root.answer !== undefined) return [root.answer, undefined, name.answer]
  // A bare repository; or a folder that is called .git and is none.
  if (root.refusal.includes("must be run in a work tree")) return undefined
  if (root.refusal.startsWith("not a git repository") && !isRepository(dotGitAround(cwd))) return undefined
  throw gitRefused({ cwd, refusal: root.refusal })
}

function dotGitAround(cwd: string): string | undefined {
  const path = join(checkoutRoot(realpathSync(cwd)), ".git")
  return existsSync(path) ? path : undefined
}

// In a worktree or a submodule it is a file that says where the repository is.
function isRepository(dotGit: string | undefined): boolean {
  return dotGit !== undefined && (existsSync(join(dotGit, "HEAD")) || statSync(dotGit).isFile())
}

function gitRefused({ cwd, refusal }: { readonly cwd: string; readonly refusal: string }): AlcidesError {
  return usageError({
    code: "git-refused",
    message: `git does not let Alcides look at the checkout in ${cwd}: ${refusal}`,
    hint: refusal.includes("dubious ownership")
      ? "if you trust its owner: git config --global --add safe.directory FOLDER"
      : "mend the checkout: `git status` must work in it",
  })
}

/** The full name of the commit that a revision means; `undefined` when this clone does not know it. */
export function resolveCommit(revision: string, options: GitOptions): Promise<string | undefined> {
  return git(["rev-parse", "--quiet", "--verify", "--end-of-options", `${revision}^{commit}`], options)
}

/** How two commits stand to each other, as far as this clone knows them. */
export async function compareCommits(
  { older, newer }: { readonly older: string; readonly newer: string },
  options: GitOptions,
): Promise<"same" | "ancestor" | "descendant" | "diverged" | "unknown"> {
  if (older === newer) return "same"
  const known = await Promise.all([resolveCommit(older, options), resolveCommit(newer, options)])
  if (known.includes(undefined)) return "unknown"
  const isAncestor = async (a: string, b: string): Promise<boolean> =>
    (await git(["merge-base", "--is-ancestor", a, b], options)) !== undefined
  if (await isAncestor(older, newer)) return "ancestor"
  if (await isAncestor(newer, older)) return "descendant"
  // A shallow clone cannot see far enough back to tell.
  return (await git(["rev-parse", "--is-shallow-repository"], options)) === "true" ? "unknown" : "diverged"
}

/** The committer's time of a commit, ISO 8601; `undefined` when this clone does not have it. */
export function commitTime(rev: string, options: GitOptions): Promise<string | undefined> {
  return git(["show", "--no-patch", "--format=%cI", "--end-of-options", rev], options)
}

function chooseRemote({
  config,
  branch,
}: {
  readonly config: string
  readonly branch: string | undefined
}): { readonly name: string; readonly url: string } | undefined {
  // Of several URLs of a remote the first is the one that git fetches from.
  const settings = new Map(
    config
      .split("\n")
      .map((line) => splitOnce(line, " "))
      .toReversed(),
  )
  const remotes = [...settings].flatMap(([key, url]) => {
    const name = /^remote\.(.*)\.url$/.exec(key)?.[1]
    return name === undefined ? [] : [{ name, url }]
  })
  if (remotes.length === 1) return remotes[0]
  const upstream = branch === undefined ? undefined : settings.get(`branch.${branch}.remote`)
  return remotes.find(({ name }) => name === upstream)
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)]
}

// `undefined` when git says no: each caller asks a question to which that is an answer.
async function git(args: readonly string[], options: GitOptions): Promise<string | undefined> {
  return (await askGit(args, options)).answer
}
