import { afterEach, beforeEach, expect, it } from "vitest"
import { projectOf, resolveProject } from "../../src/pipeline/project.ts"
import { gitRepository, type GitRepository } from "../support/git.ts"

let repository: GitRepository
beforeEach(async () => {
  repository = await gitRepository()
})
afterEach(() => repository.remove())

it("is the flag's, else the environment's, else git's", async () => {
  repository.git("remote", "add", "origin", "git@github.com:git-org/repo.git")
  const at = (flag: string | undefined, env: Readonly<Record<string, string>> = {}) =>
    resolveProject({ flag, env: { ...repository.env, ...env }, cwd: repository.root })
  const both = { ALCIDES_PROJECT: "s/alcides/r", HERCULES_CI_PROJECT_PATH: "s/hercules/r" }
  expect(await at("s/flag/r", both)).toEqual({ site: "s", owner: "flag", name: "r" })
  expect(await at(undefined, both)).toEqual({ site: "s", owner: "alcides", name: "r" })
  expect(await at(undefined, { HERCULES_CI_PROJECT_PATH: "s/hercules/r" })).toMatchObject({ owner: "hercules" })
  expect(await at(undefined, { ...both, ALCIDES_PROJECT: "" })).toMatchObject({ owner: "hercules" })
  expect(await at(undefined)).toEqual({ site: "github", owner: "git-org", name: "repo" })
})

it("says that nobody knows it, and what to do", async () => {
  await expect(resolveProject({ flag: undefined, env: repository.env, cwd: repository.root })).rejects.toMatchObject({
    code: "project-unknown",
    exit: 2,
    message: "cannot tell which project this is: neither the CI nor a git remote says so",
    hint: "add --project SITE/OWNER/REPO, such as github/neat-org/neat-repo, or set ALCIDES_PROJECT",
  })
  await expect(resolveProject({ flag: "a/b", env: repository.env, cwd: repository.root })).rejects.toMatchObject({
    code: "project-invalid",
    exit: 2,
  })
})

it("does not take another project for one whose variable was empty", async () => {
  const empty = resolveProject({ flag: "", env: { ALCIDES_PROJECT: "s/o/r" }, cwd: repository.root })
  await expect(empty).rejects.toMatchObject({ code: "project-invalid", message: '"" is no project' })
})

it("writes the slashes of subgroups as the path of a project can hold them", () => {
  expect(projectOf({ site: "gitlab", owner: "org/team/sub", name: "repo" })).toEqual({
    site: "gitlab",
    owner: "org%2Fteam%2Fsub",
    name: "repo",
  })
})
