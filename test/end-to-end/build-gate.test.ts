import { execFileSync } from "node:child_process"
import { symlink } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { nixWorld, type NixWorld } from "../support/nix.ts"
import { testProject, type TestProject } from "../support/project.ts"

let world: NixWorld
let project: TestProject
beforeAll(async () => {
  world = await nixWorld()
})
afterAll(() => world.remove())
beforeEach(async () => {
  project = await testProject()
})
afterEach(() => project.remove())

const build = (name: string, script: string): string =>
  `prebuilt: { type: "expression", label: "${name}", expression: ${JSON.stringify(
    `derivation { name = "${name}"; system = builtins.currentSystem; builder = "/bin/sh"; args = ["-c" "${script}"]; }`,
  )} }`

const nix = () => Object.fromEntries(Object.entries(world.env).filter(([name]) => name.startsWith("NIX_")))
const run = (...args: readonly string[]) => project.run(args, { env: nix() })

const broken = () => `{
  good: mkEffect({ name: "good", ${build("good", "echo good > $out")}, effect: () => note("good") }),
  off: runIf(false, mkEffect({ name: "off", ${build("off", "echo the-reason >&2; exit 1")}, effect: () => note("off") })),
  none: mkEffect({ name: "none", effect: () => note("none") }),
}`

it("one build fails, also of an effect that does not run: no effect runs", async () => {
  await project.pipeline(broken())
  const { exit, stderr } = await run("run")
  expect(exit).toBe(1)
  expect(stderr).toContain("builds did not build: off\n")
  expect(stderr).toContain("the-reason")
  expect(await project.noted()).toEqual([])
  expect(await project.store.locks()).toEqual([])
  expect((await run("run", "--dry-run")).exit).toBe(1)
  expect((await run("run", "--only", "none")).exit).toBe(1)
  expect(await project.noted()).toEqual([])
})

it("plan --build builds all, or what is named", async () => {
  await project.pipeline(broken())
  expect(await run("plan", "--build", "good")).toMatchObject({
    exit: 0,
    stderr: expect.stringContaining("everything builds: 1 derivation\n"),
  })
  expect((await run("plan", "--build", "none")).stderr).toContain("nothing to build\n")
  expect((await run("plan", "--build")).exit).toBe(1)
})

it("everything builds, and the effects run", async () => {
  await project.pipeline(
    `{ good: mkEffect({ name: "good", ${build("fine", "echo > $out")}, effect: () => note("good") }) }`,
  )
  expect((await run("run")).exit).toBe(0)
  expect(await project.noted()).toEqual(["good"])
})

it("without Nix it says so, and nothing runs", async () => {
  await project.pipeline(
    `{ good: mkEffect({ name: "good", ${build("fine", "echo > $out")}, effect: () => note("good") }) }`,
  )
  await symlink(execFileSync("which", ["git"], { encoding: "utf8" }).trim(), join(project.notes, "git"))
  const { exit, stderr } = await project.run(["run"], { env: { PATH: project.notes } })
  expect({ exit, stderr }).toMatchObject({
    exit: 2,
    stderr: expect.stringMatching(/^alcides: nix is not on PATH\n {2}hint: install Nix/),
  })
  expect(await project.noted()).toEqual([])
})
