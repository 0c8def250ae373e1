import { writeFile } from "node:fs/promises"
import { join } from "node:path"
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
