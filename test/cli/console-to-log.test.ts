import { afterEach, beforeEach, expect, it } from "vitest"
import { testProject, type TestProject } from "../support/project.ts"

let project: TestProject
beforeEach(async () => {
  project = await testProject()
})
afterEach(() => project.remove())

it("what an effect prints by itself is masked, and stays out of the report", async () => {
  const token = "planted-token-1"
  await project.secrets({ y: { kind: "Secret", data: { token }, condition: true } })
  await project.pipeline(
    `{ a: mkEffect({
      name: "a", secretsMap: { y: "y" },
      effect: ({ secret }) => console.error("two\\nlines with", secret("y").reveal()),
    }) }`,
    { before: `console.log("the pipeline is read")` },
  )
  const own = globalThis.console
  const { exit, stdout, stderr } = await project.run(["run", "--json"])
  expect(exit).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ exit: 0 })
  expect(stderr).toBe("the pipeline is read\ntwo\nlines with { token: '***' }\n")
  expect(globalThis.console).toBe(own)

  const plan = await project.run(["plan", "--json"])
  expect(JSON.parse(plan.stdout)).toMatchObject({ effects: [{ id: "a" }] })
  expect(plan.stderr).toBe("the pipeline is read\n")
})
