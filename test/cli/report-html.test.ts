import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { testProject, type TestProject } from "../support/project.ts"

let project: TestProject
beforeEach(async () => {
  project = await testProject()
})
afterEach(() => project.remove())

async function reportOf(tree: string): Promise<string> {
  await project.pipeline(tree)
  const path = join(project.notes, "report.html")
  const { stderr } = await project.run(["run", "--report", path])
  expect(stderr).toContain(`the report is in ${path}\n`)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  return readFile(path, "utf8")
}

it("tells what ran, what did not, and why, as text and not as markup", async () => {
  const report = await reportOf(`{
    good: mkEffect({ name: "good", state: { name: "x", mayBeEmpty: true }, effect: ({ stateFile }) => writeFileSync(stateFile("x").path, "1") }),
    bad: mkEffect({ name: "bad", effect: () => { throw new Error("<script>no & never</script>") } }),
  }`)
  expect(report).toContain('<h1>github/neat-org/neat-repo <span class="failed">failed</span></h1>')
  expect(report).toContain("<dt>Ref</dt><dd>refs/heads/production</dd>")
  expect(report).toContain('<h2>good <span class="succeeded">succeeded</span>')
  expect(report).toContain("<li>x created</li>")
  expect(report).toContain("bad: effect failed: &lt;script&gt;no &amp; never&lt;/script&gt;")
})

it("masks a secret whose characters mean something in HTML", async () => {
  const token = `tok&en<with>"all'of-them`
  await project.secrets({ y: { kind: "Secret", data: { token }, condition: true } })
  const report = await reportOf(`{ a: mkEffect({
    name: "a", secretsMap: { y: "y" }, effect: ({ secret }) => { throw new Error("it was " + secret("y").reveal()["token"]) },
  }) }`)
  expect(report).toContain("a: effect failed: it was ***")
  expect(report).not.toMatch(/tok&|of-them/)
})
