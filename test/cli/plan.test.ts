import { spawnSync } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { afterEach, beforeEach, expect, test } from "vitest"
import { runCli, type CliResult } from "../support/io.ts"

let repo: { readonly path: string; readonly cleanup: () => Promise<void> }

beforeEach(async () => {
  repo = await dir({ prefix: "alcides-plan-", unsafeCleanup: true })
  git("init", "-q", "-b", "main")
  git("remote", "add", "origin", "https://github.com/neat-org/neat-repo.git")
})

afterEach(() => repo.cleanup())

function git(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("git", args, { cwd: repo.path, encoding: "utf8" })
  if (status !== 0) throw new Error(stderr)
}

// The pipeline of these tests: `effect` is at hand, an effect that does nothing.
async function alcides(tree: string, ...args: readonly string[]): Promise<CliResult> {
  await writeFile(
    join(repo.path, "ci.ts"),
    `import { mkEffect, pipeline } from "alcides"
const effect = (name, options = {}) => mkEffect({ name, effect: () => {}, ...options })
export default pipeline(() => (${tree}))
`,
  )
  return runCli(args, {
    cwd: repo.path,
    env: { PATH: process.env["PATH"] ?? "", HOME: repo.path, ALCIDES_STATE: `file://${repo.path}/store` },
  })
}

async function failure(tree: string, ...args: readonly string[]): Promise<unknown> {
  const { exit, stdout, stderr } = await alcides(tree, ...args, "--json")
  expect(stdout).toBe("")
  expect(exit).toBe(2)
  const told: unknown = JSON.parse(stderr)
  return told
}

const wrong = (code: string, message: string): unknown => ({
  error: expect.objectContaining({ code, message: expect.stringContaining(message), hint: expect.any(String) }),
})

test("the plan says what runs, and what decided", async () => {
  const { exit, stdout } = await alcides('{ hello: effect("hello"), deep: { other: effect("other") } }', "plan")
  expect(exit).toBe(0)
  expect(stdout).toContain("hello: runs\n  because  no condition stands before it")
  expect(stdout).toContain("deep.other (other): runs")
  expect(stdout).toContain("0 builds first; then 2 effects of 2.")
})

test("--only plans as if the others were not there", async () => {
  const tree = '{ one: effect("one"), two: effect("two") }'
  const { stdout } = await alcides(tree, "plan", "--only", "two")
  expect(stdout).toContain("one: does not run\n  because  --only does not name it")
  expect(await failure(tree, "plan", "--only", "three")).toEqual(
    wrong("effect-unknown", 'the pipeline has no effect "three"'),
  )
})

test("the plan says what would fail at once, and why", async () => {
  const tree = `{
    secret: mkEffect({ name: "secret", secretsMap: { x: "nobody" }, effect: () => {} }),
    state: mkEffect({ name: "state", state: { name: "s.json", onMissing: "fail" }, effect: () => {} }),
  }`
  const { exit, stdout } = await alcides(tree, "plan")
  expect(exit).toBe(0)
  expect(stdout).toMatch(
    /^secret: would fail\n  because  no condition stands before it\n  fails    secret nobody: there is no secrets file /m,
  )
  expect(stdout).toMatch(/^state: would fail\n  because .*\n  fails    state file s.json is missing$/m)
  expect(stdout).toContain("then 0 effects of 2.")
})

test("effects are named for a build only", async () => {
  expect(await failure('{ one: effect("one") }', "plan", "one")).toEqual(
    wrong("plan-effects-without-build", "one: effects are named without --build"),
  )
})

test.each([
  ["pipeline-tree-invalid", '{ hello: "hello" }', "hello is a string, not an effect or a tree of effects"],
  ["effect-name-taken", '{ a: effect("same"), b: effect("same") }', 'a and b are both named "same"'],
  ["after-unknown", '{ a: effect("a", { after: "b" }) }', 'a comes after "b"'],
  ["after-cycle", '{ a: effect("a", { after: "b" }), b: effect("b", { after: "a" }) }', "a after b after a"],
  ["input-missing", '{ a: effect("a", { inputs: ["no-such-program"] }) }', "a needs no-such-program"],
  ["src-missing", '{ a: effect("a", { src: "/no/such/folder" }) }', "/no/such/folder"],
  [
    "schedule-invalid",
    "{ onSchedule: { nightly: { when: { hour: 24 }, outputs: {} } } }",
    "onSchedule.nightly.when.hour",
  ],
])("%s: one line of fact, one of hint, exit 2", async (code, tree, message) => {
  expect(await failure(tree, "plan")).toEqual(wrong(code, message))
})

test("a scheduled job is planned by its name", async () => {
  const tree = '{ onSchedule: { nightly: { when: { hour: 2 }, outputs: { backup: effect("backup") } } } }'
  const { stdout } = await alcides(tree, "plan", "--on-schedule", "nightly")
  expect(stdout).toContain("onSchedule.nightly.backup (backup): runs")
  expect(await failure(tree, "plan", "--on-schedule", "nightli")).toEqual(
    wrong("schedule-unknown", 'the pipeline has no scheduled job "nightli"'),
  )
})

test("without a remote, the project must be named", async () => {
  git("remote", "remove", "origin")
  expect(await failure('{ a: effect("a") }', "plan")).toEqual(wrong("project-unknown", "cannot tell which project"))
  const { exit } = await alcides('{ a: effect("a") }', "plan", "--project", "github/neat-org/neat-repo")
  expect(exit).toBe(0)
})
