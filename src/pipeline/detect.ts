import { resolve } from "node:path"
import { hostname, userInfo } from "node:os"
import { AlcidesError, usageError } from "../errors.ts"
import type { Writer } from "../state/store.ts"
import { commitOf, type Commit } from "./commit.ts"
import { readCiEnvironment, type CiRun } from "./ci-environment.ts"
import type { GitOptions } from "./ask-git.ts"
import { readCheckout, resolveCommit, type Checkout } from "./git.ts"
import { parseRemoteUrl } from "./remote-url.ts"
import type { Repo } from "../repo.ts"

export type RefFlags = {
  readonly ref?: string | undefined
  readonly branch?: string | undefined
  readonly tag?: string | undefined
  readonly rev?: string | undefined
}

export type DetectOptions = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly flags?: RefFlags
}

/** Who said it: a flag, the CI by its name, git, or nobody. */
export type Origin = "flag" | "git" | "nobody" | (string & {})

export type Detected = {
  readonly repo: Repo
  readonly origin: {
    readonly ref: Origin
    readonly rev: Origin
    readonly defaultBranch: Origin
    readonly project: Origin
  }
  /** Who runs this, for versions and leases. */
  readonly writer: Writer
  readonly sequence: CiRun["sequence"]
  /** `undefined` without one. */
  readonly commit: Commit | undefined
  /** Why git could not be asked about the checkout that is there: what it would have said is missing above. */
  readonly gitFailure: AlcidesError | undefined
}

/** The repository context: flags first, then the CI's environment, then git. Throws `ref-flags-conflict`, `ref-invalid` and `rev-invalid`. */
export async function detectRepo({ env, cwd, flags = {} }: DetectOptions): Promise<Detected> {
  const flagged = refOfFlags(flags)
  const [ci, { git, gitFailure }] = await Promise.all([readCiEnvironment(env), askCheckout({ env, cwd })])
  const remote = git?.remoteUrl == null ? undefined : parseRemoteUrl(git.remoteUrl)
  const named = ci?.owner !== undefined && ci.name !== undefined
  const { site, owner, name } = named ? { site: ci.site ?? ci.ci, owner: ci.owner, name: ci.name } : (remote ?? {})

  const [ref, refOrigin] = firstKnown(
    [flagged, "flag"],
    [ci?.ref, ci?.ci],
    [ci === undefined ? git?.ref : undefined, "git"],
  )
  const flaggedRev = flags.rev === undefined ? undefined : await fullRev(flags.rev, { env, cwd })
  const [rev, revOrigin] = firstKnown([flaggedRev, "flag"], [ci?.rev, ci?.ci], [git?.rev, "git"])
  const [defaultBranch, defaultOrigin] = firstKnown([ci?.defaultBranch, ci?.ci], [git?.defaultBranch, "git"])
  const branch = ref?.startsWith("refs/heads/") === true ? ref.slice("refs/heads/".length) : null
  const tag = ref?.startsWith("refs/tags/") === true ? ref.slice("refs/tags/".length) : null
  const root = git?.root ?? resolve(cwd)

  return {
    repo: {
      site: site ?? null,
      owner: owner ?? null,
      name: name ?? null,
      ref,
      rev,
      shortRev: rev?.slice(0, 7) ?? null,
      branch,
      tag,
      defaultBranch,
      isDefaultBranch: isDefaultBranch({ ref, branch, defaultBranch }),
      root,
    },
    origin: {
      ref: refOrigin,
      rev: revOrigin,
      defaultBranch: defaultOrigin,
      project: named ? ci.ci : remote === undefined ? "nobody" : "git",
    },
    writer: {
      by: ci?.actor ?? `${userName()}@${hostname()}`,
      ...(rev !== null && { rev }),
      ...(ci?.runUrl !== undefined && { runUrl: ci.runUrl }),
    },
    sequence: ci?.sequence,
    commit: rev === null ? undefined : commitOf(rev, { env, cwd }),
    gitFailure,
  }
}

/** As `detectRepo`, for what must not go by half the facts. Throws also `git-refused`, and `program-not-found` for a checkout without git. */
export async function detectSurely(options: DetectOptions): Promise<Detected> {
  const detected = await detectRepo(options)
  if (detected.gitFailure !== undefined) throw detected.gitFailure
  return detected
}

async function askCheckout(
  where: GitOptions,
): Promise<{ readonly git?: Checkout | undefined; readonly gitFailure?: AlcidesError }> {
  try {
    return { git: await readCheckout(where) }
  } catch (error) {
    if (!(error instanceof AlcidesError)) throw error
    return { gitFailure: error }
  }
}

// A ref that is no branch is not the default branch, whichever that is; otherwise we must know its name.
function isDefaultBranch({
  ref,
  branch,
  defaultBranch,
}: Pick<Repo, "ref" | "branch" | "defaultBranch">): boolean | "unknown" {
  if (ref !== null && branch === null) return false
  return branch === null || defaultBranch === null ? "unknown" : branch === defaultBranch
}

// What git takes for no name; see git-check-ref-format(1).
const unlikeGit = /[\s~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.$|\/$|\.lock(\/|$)/

function refOfFlags({ ref, branch, tag }: RefFlags): string | undefined {
  const given = [
    ...(ref === undefined ? [] : [["--ref", ref] as const]),
    ...(branch === undefined ? [] : [["--branch", `refs/heads/${branch}`] as const]),
    ...(tag === undefined ? [] : [["--tag", `refs/tags/${tag}`] as const]),
  ]
  if (given.length > 1) {
    throw usageError({
      code: "ref-flags-conflict",
      message: `${given.map(([flag]) => flag).join(" and ")} were both given`,
      hint: "name the ref once",
    })
  }
  const [first] = given
  if (first === undefined) return undefined
  const [flag, full] = first
  const isNamedTwice = flag !== "--ref" && /^refs\/[^/]+\/refs\//.test(full)
  if (!/^refs\/[^/]+\/[^-]/.test(full) || isNamedTwice || unlikeGit.test(full)) {
    throw usageError({
      code: "ref-invalid",
      message: `${flag}: ${JSON.stringify(flag === "--ref" ? full : full.split("/").slice(2).join("/"))} is no ${flag === "--ref" ? "full ref" : "name"}`,
      hint: "write --ref refs/heads/production, or --branch production",
    })
  }
  return full
}

// A commit is compared with others by its full name. One that this clone does not have is taken at its word.
async function fullRev(rev: string, git: GitOptions): Promise<string> {
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(rev)) return rev.toLowerCase()
  const found = await resolveCommit(rev, git)
  if (found !== undefined) return found
  throw usageError({
    code: "rev-invalid",
    message: `--rev: ${JSON.stringify(rev)} is no commit that this clone knows`,
    hint: "write all 40 characters of the commit's name",
  })
}

function firstKnown(
  ...candidates: readonly (readonly [string | null | undefined, Origin | undefined])[]
): [string | null, Origin] {
  for (const [value, origin] of candidates) {
    if (value != null && value !== "" && origin !== undefined) return [value, origin]
  }
  return [null, "nobody"]
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without an entry in /etc/passwd, as in many containers.
    return String(process.getuid?.() ?? "unknown")
  }
}
