import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { buildCli } from "../support/built-cli.ts"
import { testProject } from "../support/project.ts"

it("what a script of an effect could not put is still kept when the effect and its HOME are gone", async () => {
  const [cli, project] = await Promise.all([buildCli(), testProject()])
  onTestFinished(async () => {
    await cli.remove()
    await project.remove()
  })
  const gone = `file://${join(project.notes, "not-mounted")}?create=never`
  const script = `echo "the only copy" | "$0" "$1" state put --name a.json --file - --store '${gone}'`
  await project.pipeline(
    `{ net: mkEffect({ name: "net", effect: async (context) => {
      const args = ["-c", ${JSON.stringify(script)}, ${JSON.stringify(process.execPath)}, ${JSON.stringify(cli.path)}]
      await context.run("sh", args)
    } }) }`,
  )
  const { exit, stderr } = await cli.start(["run"], { env: project.env, cwd: project.repository.root }).ended
  expect(exit, stderr).toBe(4)
  const [, kept = ""] = / it is kept in (\S+)$/m.exec(stderr) ?? []
  expect(kept).toContain(join(project.env["XDG_STATE_HOME"] ?? "", "alcides/kept"))
  expect(await readFile(kept, "utf8")).toBe("the only copy\n")
  const listed = cli.start(["state", "recover", "--list", "--json"], { env: project.env, cwd: project.repository.root })
  expect(JSON.parse((await listed.ended).stdout)).toMatchObject([{ name: "a.json", path: kept }])
}, 60_000)
