import { existsSync, realpathSync } from "node:fs"
import { dirname, join } from "node:path"
import { AlcidesError } from "../errors.ts"
import { runProgram } from "../exec.ts"

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

export type GitOptions = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** What git says of the checkout around `cwd`; `undefined` outside one, or without git. */
export async function readCheckout({ env, cwd }: GitOptions): Promise<Checkout | undefined> {
  const ask = (...args: string[]): Promise<string | undefined> => git(args, { env, cwd })
  if (!mayBeCheckout({ env, cwd })) return undefined
  const [place, config] = await Promise.all([
    ask("rev-parse", "--show-toplevel", "HEAD", "--symbolic-full-name", "HEAD"),
    ask("config", "--get-regexp", String.raw`^(remote\..*\.url|branch\..*\.remote)$`),
  ]).catch(unlessWithoutGit)
  // Before the first commit, HEAD names a branch that is not there yet, and git refuses to speak of it.
  const [root, rev, name] = place?.split("\n") ?? (await unborn(ask).catch(unlessWithoutGit))
  if (root === undefined) return undefined
  const head = name === "HEAD" ? undefined : name
  const remote = chooseRemote({ config: config ?? "", branch: head?.replace(/^refs\/heads\//, "") })
  const remoteHead =
    remote === undefined ? undefined : await ask("symbolic-ref", "--quiet", `refs/remotes/${remote.name}/HEAD`)
  return {
    root,
    ref: head ?? null,
    rev: rev ?? null,
    remoteUrl: remote?.url ?? null,
    defaultBranch: remoteHead?.slice(`refs/remotes/${remote?.name}/`.length) ?? null,
  }
}

async function unborn(
  ask: (...args: string[]) => Promise<string | undefined>,
): Promise<readonly (string | undefined)[]> {
  const [root, name] = await Promise.all([ask("rev-parse", "--show-toplevel"), ask("symbolic-ref", "--quiet", "HEAD")])
  return [root, undefined, name]
}

// Outside a checkout, git need not be started, several times, to say so.
function mayBeCheckout({ env, cwd }: GitOptions): boolean {
  if (env["GIT_DIR"] !== undefined) return true
  const inside = (folder: string): boolean =>
    existsSync(join(folder, ".git")) || (dirname(folder) !== folder && inside(dirname(folder)))
  return !existsSync(cwd) || inside(realpathSync(cwd))
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

function unlessWithoutGit(error: unknown): readonly undefined[] {
  if (error instanceof AlcidesError && error.code === "program-not-found") return []
  throw error
}

function chooseRemote({
  config,
  branch,
}: {
  readonly config: string
  readonly branch: string | undefined
}): { readonly name: string; readonly url: string } | undefined {
  const settings = new Map(config.split("\n").map((line) => splitOnce(line, " ")))
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
async function git(args: readonly string[], { env, cwd }: GitOptions): Promise<string | undefined> {
  const answers = [0, 1, 128]
  const kept = new Set([
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_COUNT",
  ])
  const clean = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && (kept.has(name) || /^GIT_CONFIG_(KEY|VALUE)_/.test(name)) ? [[name, value]] : [],
    ),
  )
  const result = await runProgram("git", args, {
    // A clone that fetches what is missing would answer for the network, and ask for passwords.
    env: { ...clean, LC_ALL: "C", GIT_NO_LAZY_FETCH: "1", GIT_TERMINAL_PROMPT: "0" },
    cwd,
    timeout: 60,
    success: answers,
    onLine: () => {},
  })
  return result.exitCode === 0 ? result.stdout.trim() : undefined
}
