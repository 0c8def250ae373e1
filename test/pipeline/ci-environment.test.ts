import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readCiEnvironment } from "../../src/pipeline/ci-environment.ts"

const rev = "0123456789abcdef0123456789abcdef01234567"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-ci-"))
  await writeFile(join(folder, "push.json"), JSON.stringify({ repository: { default_branch: "trunk" }, ref: "x" }))
  await writeFile(
    join(folder, "pull.json"),
    JSON.stringify({ number: 7, repository: { default_branch: "trunk" }, pull_request: {} }),
  )
  await writeFile(join(folder, "broken.json"), "{")
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const github = {
  GITHUB_ACTIONS: "true",
  GITHUB_REPOSITORY: "neat-org/neat-repo",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_EVENT_NAME: "push",
  GITHUB_REF: "refs/heads/production",
  GITHUB_SHA: rev,
  GITHUB_ACTOR: "alice",
  GITHUB_RUN_ID: "42",
  GITHUB_RUN_NUMBER: "17",
  GITHUB_WORKFLOW: "deploy",
}
const gitlab = {
  GITLAB_CI: "true",
  CI_SERVER_HOST: "gitlab.com",
  CI_PROJECT_NAMESPACE: "neat-org",
  CI_PROJECT_NAME: "neat-repo",
  CI_COMMIT_SHA: rev,
  CI_DEFAULT_BRANCH: "trunk",
  GITLAB_USER_LOGIN: "alice",
  CI_PIPELINE_URL: "https://gitlab.com/p/1",
  CI_PIPELINE_IID: "17",
}
const woodpecker = {
  CI: "woodpecker",
  CI_FORGE_TYPE: "forgejo",
  CI_FORGE_URL: "https://codeberg.org",
  CI_REPO_OWNER: "neat-org",
  CI_REPO_NAME: "neat-repo",
  CI_REPO_DEFAULT_BRANCH: "trunk",
  CI_COMMIT_SHA: rev,
  CI_COMMIT_AUTHOR: "alice",
  CI_PIPELINE_EVENT: "push",
  CI_COMMIT_REF: "refs/heads/production",
  CI_PIPELINE_URL: "https://ci/1",
  CI_PIPELINE_NUMBER: "17",
  CI_WORKFLOW_NAME: "deploy",
}
const buildkite = {
  BUILDKITE: "true",
  BUILDKITE_REPO: "git@github.com:neat-org/neat-repo.git",
  BUILDKITE_BRANCH: "production",
  BUILDKITE_TAG: "",
  BUILDKITE_PULL_REQUEST: "false",
  BUILDKITE_COMMIT: rev,
  BUILDKITE_PIPELINE_DEFAULT_BRANCH: "trunk",
  BUILDKITE_BUILD_CREATOR: "alice",
  BUILDKITE_BUILD_URL: "https://buildkite.com/b/1",
  BUILDKITE_BUILD_NUMBER: "17",
  BUILDKITE_PIPELINE_SLUG: "deploy",
}

const same = { owner: "neat-org", name: "neat-repo", rev, actor: "alice" }

describe("readCiEnvironment", () => {
  it("reads all that GitHub says", async () => {
    expect(await readCiEnvironment({ ...github, GITHUB_EVENT_PATH: join(folder, "push.json") })).toEqual({
      ...same,
      ci: "github",
      site: "github",
      ref: "refs/heads/production",
      defaultBranch: "trunk",
      runUrl: "https://github.com/neat-org/neat-repo/actions/runs/42",
      sequence: { workflow: "deploy", number: 17 },
    })
  })

  it("does not know GitHub's default branch without the event", async () => {
    for (const path of ["", join(folder, "none.json"), join(folder, "broken.json")]) {
      expect(await readCiEnvironment({ ...github, GITHUB_EVENT_PATH: path })).not.toHaveProperty("defaultBranch")
    }
  })

  it("reads all that GitLab says", async () => {
    expect(await readCiEnvironment({ ...gitlab, CI_COMMIT_BRANCH: "production" })).toEqual({
      ...same,
      ci: "gitlab",
      site: "gitlab",
      ref: "refs/heads/production",
      defaultBranch: "trunk",
      runUrl: "https://gitlab.com/p/1",
      sequence: { workflow: "pipeline", number: 17 },
    })
  })

  it("reads all that Woodpecker says", async () => {
    expect(await readCiEnvironment(woodpecker)).toEqual({
      ...same,
      ci: "woodpecker",
      site: "codeberg.org",
      ref: "refs/heads/production",
      defaultBranch: "trunk",
      runUrl: "https://ci/1",
      sequence: { workflow: "deploy", number: 17 },
    })
  })

  it("reads all that Buildkite says", async () => {
    expect(await readCiEnvironment(buildkite)).toEqual({
      ...same,
      ci: "buildkite",
      site: "github",
      ref: "refs/heads/production",
      defaultBranch: "trunk",
      runUrl: "https://buildkite.com/b/1",
      sequence: { workflow: "deploy", number: 17 },
    })
  })

  const pull = (): string => join(folder, "pull.json")

  it.each([
    ["GitHub, a tag", { ...github, GITHUB_REF: "refs/tags/v1" }, "refs/tags/v1"],
    ["GitHub, a pull request", { ...github, GITHUB_REF: "refs/pull/7/merge" }, "refs/pull/7/merge"],
    [
      "GitHub, pull_request_target, which names the branch it goes to",
      { ...github, GITHUB_EVENT_NAME: "pull_request_target", event: "pull" },
      "refs/pull/7/head",
    ],
    [
      "GitHub, pull_request_target without its event",
      { ...github, GITHUB_EVENT_NAME: "pull_request_target" },
      undefined,
    ],
    ["GitLab, a tag", { ...gitlab, CI_COMMIT_TAG: "v1" }, "refs/tags/v1"],
    [
      "GitLab, a merge request",
      { ...gitlab, CI_MERGE_REQUEST_IID: "7", CI_COMMIT_BRANCH: "production" },
      "refs/merge-requests/7/head",
    ],
    [
      "GitLab, a pull request of another forge",
      { ...gitlab, CI_EXTERNAL_PULL_REQUEST_IID: "7", CI_COMMIT_BRANCH: "production" },
      "refs/pull/7/head",
    ],
    ["GitLab, nothing said", gitlab, undefined],
    [
      "Woodpecker, a pull request",
      { ...woodpecker, CI_PIPELINE_EVENT: "pull_request", CI_COMMIT_PULL_REQUEST: "7" },
      "refs/pull/7/head",
    ],
    [
      "Woodpecker, a closed pull request without its number",
      { ...woodpecker, CI_PIPELINE_EVENT: "pull_request_closed" },
      undefined,
    ],
    [
      "Woodpecker, a pull request with a ref of its own",
      { ...woodpecker, CI_PIPELINE_EVENT: "pull_request", CI_COMMIT_REF: "refs/merge-requests/7/head" },
      "refs/merge-requests/7/head",
    ],
    ["Woodpecker, a tag", { ...woodpecker, CI_PIPELINE_EVENT: "tag", CI_COMMIT_REF: "refs/tags/v1" }, "refs/tags/v1"],
    ["Buildkite, a tag", { ...buildkite, BUILDKITE_TAG: "v1" }, "refs/tags/v1"],
    [
      "Buildkite, a pull request from a branch of the same name",
      { ...buildkite, BUILDKITE_PULL_REQUEST: "7" },
      "refs/pull/7/head",
    ],
    ["Buildkite, no branch", { ...buildkite, BUILDKITE_BRANCH: "" }, undefined],
  ])("%s", async (_, { event, ...env }: Readonly<Record<string, string | undefined>>, ref) => {
    const found = await readCiEnvironment(event === undefined ? env : { ...env, GITHUB_EVENT_PATH: pull() })
    expect(found?.ref).toBe(ref)
  })

  it.each([
    ["GitHub Enterprise", { ...github, GITHUB_SERVER_URL: "https://ghe.neat.org:8443" }, "github", "ghe.neat.org"],
    ["Gitea", { ...github, GITEA_ACTIONS: "true", GITHUB_SERVER_URL: "https://git.neat.org" }, "gitea", "git.neat.org"],
    [
      "Forgejo, which also says that it is Gitea",
      { ...github, GITEA_ACTIONS: "true", FORGEJO_ACTIONS: "true", GITHUB_SERVER_URL: "https://codeberg.org" },
      "forgejo",
      "codeberg.org",
    ],
    ["Gitea without a server", { ...github, GITEA_ACTIONS: "true", GITHUB_SERVER_URL: undefined }, "gitea", "gitea"],
    ["GitLab of one's own", { ...gitlab, CI_SERVER_HOST: "git.neat.org" }, "gitlab", "git.neat.org"],
    ["Woodpecker for GitHub", { ...woodpecker, CI_FORGE_URL: "https://github.com" }, "woodpecker", "github"],
    ["Woodpecker without an address", { ...woodpecker, CI_FORGE_URL: "" }, "woodpecker", "forgejo"],
  ])("%s", async (_, env: Readonly<Record<string, string | undefined>>, ci, site) => {
    expect(await readCiEnvironment(env)).toMatchObject({ ci, site })
  })

  it("keeps GitLab's subgroups in the owner", async () => {
    expect(await readCiEnvironment({ ...gitlab, CI_PROJECT_NAMESPACE: "org/team/sub" })).toMatchObject({
      owner: "org/team/sub",
      name: "neat-repo",
    })
  })

  it("knows no commit where Buildkite says HEAD, and no order without a number", async () => {
    const found = await readCiEnvironment({ ...buildkite, BUILDKITE_COMMIT: "HEAD", BUILDKITE_BUILD_NUMBER: "x" })
    expect(found).not.toHaveProperty("rev")
    expect(found).not.toHaveProperty("sequence")
  })

  it("is nothing outside of a CI", async () => {
    expect(await readCiEnvironment({ CI: "true", GITHUB_ACTIONS: "false" })).toBeUndefined()
  })
})
