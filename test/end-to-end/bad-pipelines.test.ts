import { readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { appears } from "../support/appears.ts"
import { buildCli, type BuiltCli } from "../support/built-cli.ts"
import { testProject, type TestProject } from "../support/project.ts"

let cli: BuiltCli
let project: TestProject
beforeAll(async () => {
  cli = await buildCli()
})
afterAll(() => cli.remove())
beforeEach(async () => {
  project = await testProject()
})
afterEach(() => project.remove())

it.each([
  ["a pipeline that exits", "process.exit(0)", "plan", 2],
  ["a pipeline that never settles", "new Promise(() => {})", "run", 2],
  ["an effect that exits with 0", '{ a: mkEffect({ name: "a", effect: () => process.exit(0) }) }', "run", 4],
  ["an effect that exits with 3", '{ a: mkEffect({ name: "a", effect: () => process.exit(3) }) }', "run", 4],
])("%s is no success", async (_, pipeline, command, exit) => {
  await project.pipeline(pipeline)
  const { ended } = cli.start([command], { env: project.env, cwd: project.repository.root })
  expect(await ended).toEqual({
    exit,
    stdout: "",
    stderr: `alcides: the pipeline or an effect ended this process before the command was done
  hint: take process.exit out of it, and wait for no promise that never settles
`,
  })
  expect(await leftFolders()).toEqual([])
})

// Each is bundled into a folder of its own.
const leftFolders = async (): Promise<readonly string[]> =>
  (await readdir(project.env["TMPDIR"] ?? "")).filter((name) => name.startsWith("alcides-pipeline-"))

it("a mistake that is told while the pipeline loads leaves nothing of it", async () => {
  await project.pipeline("{}", { before: "await new Promise((resolve) => setTimeout(resolve, 300))" })
  const running = cli.start(["plan", "--ref", "main"], { env: project.env, cwd: project.repository.root })
  expect(await running.ended).toMatchObject({ exit: 2, stderr: expect.stringContaining("is no full ref") })
  expect(await leftFolders()).toEqual([])
})

it.each(["plan", "run", "effect"])(
  "an interrupt while the pipeline loads ends %s, and is no success",
  async (command) => {
    await project.pipeline("{}", {
      before: 'note("loading")\nawait new Promise((resolve) => setTimeout(resolve, 1000))',
    })
    const args = command === "effect" ? ["effect", "list"] : [command]
    const running = cli.start(args, { env: project.env, cwd: project.repository.root })
    await appears(join(project.notes, "notes.txt"))
    running.child.kill("SIGINT")
    expect(await running.ended).toEqual({ exit: 130, stdout: "", stderr: "alcides: interrupted by SIGINT\n" })
    expect(await leftFolders()).toEqual([])
  },
)

it("has a code, too", async () => {
  await project.pipeline("process.exit(0)")
  const { ended } = cli.start(["plan", "--json"], { env: project.env, cwd: project.repository.root })
  expect(JSON.parse((await ended).stderr)).toMatchObject({ error: { code: "process-ended", exit: 2 } })
})

// Within the tests, `require` is there: only the command itself shows it.
it.each([
  ["require", "ci.cjs", 'const { pipeline } = require("alcides")', /^alcides: ci\.cjs:1:\d+: Dynamic require of /],
  ["module.exports", "ci.mjs", "module.exports = {}", /^alcides: ci\.mjs:1:1: module is not defined/],
])("a pipeline file with %s is told what it should be", async (_, name, text, fact) => {
  await writeFile(join(project.repository.root, name), text)
  const running = cli.start(["plan", "--file", name], { env: project.env, cwd: project.repository.root })
  const { exit, stderr } = await running.ended
  expect(stderr).toMatch(fact)
  expect(stderr).toContain("\n  hint: a pipeline file is an ES module: write import … from, and export default\n")
  expect(exit).toBe(2)
})
