import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
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
})

it("has a code, too", async () => {
  await project.pipeline("process.exit(0)")
  const { ended } = cli.start(["plan", "--json"], { env: project.env, cwd: project.repository.root })
  expect(JSON.parse((await ended).stderr)).toMatchObject({ error: { code: "process-ended", exit: 2 } })
})
