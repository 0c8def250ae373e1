import { expect, test } from "vitest"
import {
  assertLockName,
  assertStateName,
  formatProject,
  lockedState,
  parseProject,
  stateLock,
} from "../../src/state/names.ts"

test.each([
  ["", "it is empty"],
  ["a/b", "it contains a slash"],
  ["a\\b", "it contains a slash"],
  [".", "it contains `..` or is `.`"],
  ["../secrets", "it contains a slash"],
  ["a..b", "it contains `..` or is `.`"],
  ["a\nb", "it contains a control character"],
  ["a\ud800b", "it contains a control character"],
  ["ü".repeat(101), "it is longer than 200 bytes"],
])("%j is no state name", (name, problem) => {
  expect(() => assertStateName(name)).toThrow(
    expect.objectContaining({
      code: "state-name-invalid",
      exit: 2,
      message: `${JSON.stringify(name)} is no state name: ${problem}`,
    }),
  )
})

test("a lock name is held to the same, but every state file has a lock of its own", () => {
  expect(() => assertLockName("a/b")).toThrow(
    expect.objectContaining({ code: "lock-name-invalid", hint: "use a plain file name such as production" }),
  )
  expect(() => assertLockName("x".repeat(221))).toThrow("it is longer than 220 bytes")
  for (const name of ["x".repeat(200), ".hidden"]) assertLockName(stateLock(name))
})

test("a project is three parts", () => {
  const project = parseProject("github/neat-org/neat-repo")
  expect(project).toEqual({ site: "github", owner: "neat-org", name: "neat-repo" })
  expect(formatProject(project)).toBe("github/neat-org/neat-repo")
  for (const text of ["", "a/b", "a/b/c/d", "a//c", "a/../c", "a/b/", "a/b/\n"]) {
    expect(() => parseProject(text)).toThrow(expect.objectContaining({ code: "project-invalid", exit: 2 }))
  }
})

test("a state file's own lock leads back to it, and no other lock does", () => {
  expect(lockedState(stateLock("nixops-foo.json"))).toBe("nixops-foo.json")
  expect(lockedState("production")).toBeUndefined()
  expect(lockedState("alcides.state.")).toBeUndefined()
  expect(lockedState("alcides.state...")).toBeUndefined()
})
