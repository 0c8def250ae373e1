import { afterEach, beforeEach, expect, it } from "vitest"
import { testProject, type TestProject } from "../support/project.ts"

let project: TestProject
beforeEach(async () => {
  project = await testProject()
  const effect = (name: string): string => `mkEffect({ name: "${name}", effect: () => note("${name}") })`
  await project.pipeline(`{
    onPush: { default: { outputs: { team: { a: runIf(true, ${effect("one")}) }, b: runIf(false, ${effect("two")}) } } },
    onSchedule: { nightly: { when: {}, outputs: { c: ${effect("three")} } } },
  }`)
})
afterEach(() => project.remove())

it("lists the places of all effects, those of scheduled jobs too", async () => {
  expect(await project.run(["effect", "list"])).toEqual({
    exit: 0,
    stdout: "team.a\nb\nonSchedule.nightly.c\n",
    stderr: "",
  })
  const { stdout } = await project.run(["effect", "list", "--json"])
  expect(JSON.parse(stdout)).toEqual([
    { id: "team.a", name: "one", job: "onPush.default", condition: true },
    { id: "b", name: "two", job: "onPush.default", condition: false },
    { id: "onSchedule.nightly.c", name: "three", job: "onSchedule.nightly", condition: true },
  ])
})

it("runs one, by name or place, if its condition holds", async () => {
  expect((await project.run(["effect", "run", "one"])).exit).toBe(0)
  expect((await project.run(["effect", "run", "team.a"])).exit).toBe(0)
  const { exit, stdout } = await project.run(["effect", "run", "b"])
  expect(exit).toBe(0)
  expect(stdout).toMatch(/^b +not run/m)
  expect((await project.run(["effect", "run", "three", "--on-schedule", "nightly"])).exit).toBe(0)
  expect(await project.noted()).toEqual(["one", "one", "three"])
})

it("says what there is when it is not there", async () => {
  expect(await project.run(["effect", "run", ""])).toMatchObject({ exit: 2 })
  expect(await project.run(["effect", "run", "c"])).toMatchObject({
    exit: 2,
    stderr: 'alcides: the pipeline has no effect "c"\n  hint: it has team.a, b\n',
  })
  expect(await project.noted()).toEqual([])
})
