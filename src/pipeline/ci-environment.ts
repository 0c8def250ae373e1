import { readFile } from "node:fs/promises"
import * as z from "zod"
import { parseRemoteUrl } from "./remote-url.ts"

/** What a CI service says of the run, in its environment. A field is there only when the service says it. */
export type CiRun = {
  readonly ci: string
  readonly site?: string
  readonly owner?: string
  readonly name?: string
  /** A pull request's ref is never below `refs/heads/`. */
  readonly ref?: string
  readonly rev?: string
  readonly defaultBranch?: string
  readonly actor?: string
  readonly runUrl?: string
  /** Counts up from run to run of one workflow, so that two runs can be put in order. */
  readonly sequence?: { readonly workflow: string; readonly number: number }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Recognises GitHub, Gitea, Forgejo, GitLab, Woodpecker and Buildkite; `undefined` outside a CI. */
export async function readCiEnvironment(env: Environment): Promise<CiRun | undefined> {
  if (env["BUILDKITE"] === "true") return buildkite(env)
  if (env["GITLAB_CI"] === "true") return gitlab(env)
  if (env["CI"] === "woodpecker") return woodpecker(env)
  // Gitea and Forgejo set GITHUB_ACTIONS, too.
  if (env["GITEA_ACTIONS"] === "true") return github(env, "gitea")
  if (env["FORGEJO_ACTIONS"] === "true") return github(env, "forgejo")
  if (env["GITHUB_ACTIONS"] === "true") return github(env, "github")
  return undefined
}

// https://docs.github.com/actions/reference/workflows-and-actions/variables
async function github(env: Environment, ci: string): Promise<CiRun> {
  const [owner, name] = (env["GITHUB_REPOSITORY"] ?? "").split("/")
  const server = env["GITHUB_SERVER_URL"]
  return present({
    ci,
    site:
      ci === "github" && (server === undefined || server === "https://github.com") ? "github" : (hostOf(server) ?? ci),
    owner,
    name,
    ref: env["GITHUB_REF"],
    rev: env["GITHUB_SHA"],
    defaultBranch: await eventDefaultBranch(env["GITHUB_EVENT_PATH"]),
    actor: env["GITHUB_ACTOR"],
    runUrl:
      server !== undefined && env["GITHUB_RUN_ID"] !== undefined
        ? `${server}/${env["GITHUB_REPOSITORY"]}/actions/runs/${env["GITHUB_RUN_ID"]}`
        : undefined,
    sequence: sequence(env["GITHUB_WORKFLOW"], env["GITHUB_RUN_NUMBER"]),
  })
}

const eventSchema = z.object({ repository: z.optional(z.object({ default_branch: z.optional(z.string()) })) })

// The event's payload is the only place where GitHub names the default branch. Without it we do not know.
async function eventDefaultBranch(path: string | undefined): Promise<string | undefined> {
  if (path === undefined || path === "") return undefined
  try {
    return eventSchema.parse(JSON.parse(await readFile(path, "utf8"))).repository?.default_branch
  } catch {
    return undefined
  }
}

// https://docs.gitlab.com/ci/variables/predefined_variables/
function gitlab(env: Environment): CiRun {
  const mergeRequest = env["CI_MERGE_REQUEST_IID"]
  return present({
    ci: "gitlab",
    site:
      env["CI_SERVER_HOST"] === undefined || env["CI_SERVER_HOST"] === "gitlab.com" ? "gitlab" : env["CI_SERVER_HOST"],
    owner: env["CI_PROJECT_NAMESPACE"],
    name: env["CI_PROJECT_NAME"],
    ref:
      mergeRequest !== undefined
        ? `refs/merge-requests/${mergeRequest}/head`
        : branchOrTag(env["CI_COMMIT_BRANCH"], env["CI_COMMIT_TAG"]),
    rev: env["CI_COMMIT_SHA"],
    defaultBranch: env["CI_DEFAULT_BRANCH"],
    actor: env["GITLAB_USER_LOGIN"],
    runUrl: env["CI_PIPELINE_URL"],
    sequence: sequence("pipeline", env["CI_PIPELINE_IID"]),
  })
}

// https://woodpecker-ci.org/docs/usage/environment
function woodpecker(env: Environment): CiRun {
  const pull = env["CI_COMMIT_PULL_REQUEST"]
  return present({
    ci: "woodpecker",
    site: env["CI_FORGE_TYPE"],
    owner: env["CI_REPO_OWNER"],
    name: env["CI_REPO_NAME"],
    ref:
      env["CI_PIPELINE_EVENT"]?.startsWith("pull_request") === true && pull !== undefined
        ? `refs/pull/${pull}/head`
        : env["CI_COMMIT_REF"],
    rev: env["CI_COMMIT_SHA"],
    defaultBranch: env["CI_REPO_DEFAULT_BRANCH"],
    actor: env["CI_COMMIT_AUTHOR"],
    runUrl: env["CI_PIPELINE_URL"],
    sequence: sequence(env["CI_WORKFLOW_NAME"] ?? "pipeline", env["CI_PIPELINE_NUMBER"]),
  })
}

// https://buildkite.com/docs/pipelines/configure/environment-variables
function buildkite(env: Environment): CiRun {
  const remote = env["BUILDKITE_REPO"] === undefined ? undefined : parseRemoteUrl(env["BUILDKITE_REPO"])
  const pull = env["BUILDKITE_PULL_REQUEST"]
  const rev = env["BUILDKITE_COMMIT"]
  return present({
    ci: "buildkite",
    site: remote?.site,
    owner: remote?.owner,
    name: remote?.name,
    // BUILDKITE_BRANCH is the source branch also for a pull request, possibly one from a fork.
    ref:
      pull !== undefined && pull !== "false" && pull !== ""
        ? `refs/pull/${pull}/head`
        : branchOrTag(env["BUILDKITE_BRANCH"], env["BUILDKITE_TAG"]),
    rev: rev === "HEAD" ? undefined : rev,
    defaultBranch: env["BUILDKITE_PIPELINE_DEFAULT_BRANCH"],
    actor: env["BUILDKITE_BUILD_CREATOR"],
    runUrl: env["BUILDKITE_BUILD_URL"],
    sequence: sequence(env["BUILDKITE_PIPELINE_SLUG"], env["BUILDKITE_BUILD_NUMBER"]),
  })
}

function branchOrTag(branch: string | undefined, tag: string | undefined): string | undefined {
  if (tag !== undefined && tag !== "") return `refs/tags/${tag}`
  return branch === undefined || branch === "" ? undefined : `refs/heads/${branch}`
}

function sequence(workflow: string | undefined, number: string | undefined): CiRun["sequence"] {
  return workflow !== undefined && number !== undefined && /^\d+$/.test(number)
    ? { workflow, number: Number(number) }
    : undefined
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname : undefined
}

// Leaves out what the service did not say; an empty variable says nothing.
function present(
  run: { readonly ci: string } & { readonly [K in keyof Omit<CiRun, "ci">]?: CiRun[K] | undefined },
): CiRun {
  const { ci, ...fields } = run
  return {
    ci,
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== "")),
  }
}
