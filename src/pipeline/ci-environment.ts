import { readFile } from "node:fs/promises"
import * as z from "../schema.ts"
import { parseRemoteUrl, siteOf } from "./remote-url.ts"

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
  // Gitea and Forgejo set GITHUB_ACTIONS, too, and Forgejo what Gitea sets.
  if (env["FORGEJO_ACTIONS"] === "true") return github(env, "forgejo")
  if (env["GITEA_ACTIONS"] === "true") return github(env, "gitea")
  if (env["GITHUB_ACTIONS"] === "true") return github(env, "github")
  return undefined
}

// https://docs.github.com/actions/reference/workflows-and-actions/variables
async function github(env: Environment, ci: string): Promise<CiRun> {
  const [owner, name] = (env["GITHUB_REPOSITORY"] ?? "").split("/")
  const server = env["GITHUB_SERVER_URL"]
  const event = await readEvent(env["GITHUB_EVENT_PATH"])
  return present({
    ci,
    site: siteOfUrl(server) ?? ci,
    owner,
    name,
    // For pull_request_target GitHub names the branch that the pull request goes to, although its code may be checked out.
    ref: env["GITHUB_EVENT_NAME"] === "pull_request_target" ? pullRef(event.number) : env["GITHUB_REF"],
    rev: env["GITHUB_SHA"],
    defaultBranch: event.repository?.default_branch,
    actor: env["GITHUB_ACTOR"],
    runUrl:
      server !== undefined && env["GITHUB_RUN_ID"] !== undefined
        ? `${server}/${env["GITHUB_REPOSITORY"]}/actions/runs/${env["GITHUB_RUN_ID"]}`
        : undefined,
    sequence: sequence(env["GITHUB_WORKFLOW"], env["GITHUB_RUN_NUMBER"]),
  })
}

const eventSchema = z.object({
  number: z.optional(z.int()),
  repository: z.optional(z.object({ default_branch: z.optional(z.string()) })),
})

// The event's payload is the only place where GitHub names the default branch. Without it we do not know.
async function readEvent(path: string | undefined): Promise<z.infer<typeof eventSchema>> {
  if (path === undefined || path === "") return {}
  try {
    return eventSchema.parse(JSON.parse(await readFile(path, "utf8")))
  } catch {
    return {}
  }
}

// https://docs.gitlab.com/ci/variables/predefined_variables/
function gitlab(env: Environment): CiRun {
  const mergeRequest = env["CI_MERGE_REQUEST_IID"]
  return present({
    ci: "gitlab",
    site: siteOf(env["CI_SERVER_HOST"] || "gitlab.com"),
    owner: env["CI_PROJECT_NAMESPACE"],
    name: env["CI_PROJECT_NAME"],
    ref: mergeRequest
      ? `refs/merge-requests/${mergeRequest}/head`
      : (pullRef(env["CI_EXTERNAL_PULL_REQUEST_IID"]) ?? branchOrTag(env["CI_COMMIT_BRANCH"], env["CI_COMMIT_TAG"])),
    rev: env["CI_COMMIT_SHA"],
    defaultBranch: env["CI_DEFAULT_BRANCH"],
    actor: env["GITLAB_USER_LOGIN"],
    runUrl: env["CI_PIPELINE_URL"],
    sequence: sequence("pipeline", env["CI_PIPELINE_IID"]),
  })
}

// https://woodpecker-ci.org/docs/usage/environment
function woodpecker(env: Environment): CiRun {
  return present({
    ci: "woodpecker",
    site: siteOfUrl(env["CI_FORGE_URL"]) ?? env["CI_FORGE_TYPE"],
    owner: env["CI_REPO_OWNER"],
    name: env["CI_REPO_NAME"],
    ref:
      env["CI_PIPELINE_EVENT"]?.startsWith("pull_request") === true
        ? (pullRef(env["CI_COMMIT_PULL_REQUEST"]) ?? noBranch(env["CI_COMMIT_REF"]))
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
  const rev = env["BUILDKITE_COMMIT"]
  return present({
    ci: "buildkite",
    site: remote?.site,
    owner: remote?.owner,
    name: remote?.name,
    // BUILDKITE_BRANCH is the source branch also for a pull request, possibly one from a fork.
    ref: pullRef(env["BUILDKITE_PULL_REQUEST"]) ?? branchOrTag(env["BUILDKITE_BRANCH"], env["BUILDKITE_TAG"]),
    rev: rev === "HEAD" ? undefined : rev,
    defaultBranch: env["BUILDKITE_PIPELINE_DEFAULT_BRANCH"],
    actor: env["BUILDKITE_BUILD_CREATOR"],
    runUrl: env["BUILDKITE_BUILD_URL"],
    sequence: sequence(env["BUILDKITE_PIPELINE_SLUG"], env["BUILDKITE_BUILD_NUMBER"]),
  })
}

function pullRef(number: string | number | undefined): string | undefined {
  return number === undefined || number === "" || number === "false" ? undefined : `refs/pull/${number}/head`
}

function noBranch(ref: string | undefined): string | undefined {
  return ref?.startsWith("refs/heads/") === true ? undefined : ref
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

function siteOfUrl(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? siteOf(new URL(url).hostname) : undefined
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
