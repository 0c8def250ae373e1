import { expect, test } from "vitest"
import { isMeant, knownProjects, projectId } from "../../../src/state/server/projects.ts"
import { other, repo } from "../support/state-server.ts"

test("a project's id is the UUID that uuidgen makes of its name", () => {
  // `uuidgen --sha1 --namespace @url --name alcides:project/github/neat-org/neat-repo`
  expect(projectId(repo)).toBe("0f13c69d-6930-52bd-b7c5-7081669082cc")
})

test.each([
  ["github/neat-org/neat-repo", true],
  ["github/neat-org/*", true],
  ["github/*/*", true],
  ["*/*/*", true],
  ["github/neat-org/neat", false],
  ["github/neat-org/neat-*", false],
  ["github/NEAT-ORG/neat-repo", false],
  ["gitlab/neat-org/*", false],
  ["github/*/other", false],
])("the pattern %s means github/neat-org/neat-repo: %s", (pattern, expected) => {
  expect(isMeant(pattern, repo)).toBe(expected)
})

test("a project is found by its id when it is named, or was asked for lately", () => {
  const known = knownProjects(["github/neat-org/neat-repo", "github/neat-org/*"])
  expect(known.named(repo)).toBe(projectId(repo))
  expect(known.named(other)).toBeUndefined()
  expect(known.find(projectId(other))).toBeUndefined()
  known.add(other)
  expect(known.find(projectId(other).toUpperCase())).toEqual(other)
  for (let count = 0; count < 10_000; count += 1) known.add({ ...other, name: `other-${count}` })
  expect(known.find(projectId(other))).toBeUndefined()
  expect(known.find(projectId(repo))).toEqual(repo)
})
