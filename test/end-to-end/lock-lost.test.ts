import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { appears, isAlive } from "../support/appears.ts"
import { buildCli } from "../support/built-cli.ts"
import { testProject } from "../support/project.ts"

it("an effect without state whose lock is lost: TERM, then KILL for all that it started, and its own exit code", async () => {
  const [cli, project] = await Promise.all([buildCli(), testProject()])
  onTestFinished(async () => {
    await cli.remove()
    await project.remove()
  })
  const script = `trap 'echo term > "$0/term"' TERM
setsid sh -c 'trap "" TERM; echo $$ > "$0/daemon"; while :; do sleep 0.1; done' "$0" &
echo $$ > "$0/ready"; while :; do sleep 0.1; done`
  await project.pipeline(
    `{ net: mkEffect({ name: "net", lock: "cloud", effect: async (context) => {
      await context.run("sh", ["-c", ${JSON.stringify(script)}, notes])
      note("went on")
    } }) }`,
  )
  const noted = (name: string): Promise<string> => appears(join(project.notes, name))
  const running = cli.start(["run", "--json"], { env: project.env, cwd: project.repository.root })
  const pids = [await noted("ready"), await noted("daemon")]
  expect(await project.store.locks()).toMatchObject([
    { leases: [{ description: "effect net" }] },
    {
      lock: "cloud",
      leases: [{ description: "effect net", holder: { by: expect.any(String), host: expect.any(String) } }],
    },
  ])
  const broken = performance.now()
  await project.store.break("cloud", { by: "admin@desk" })
  const { exit, stdout, stderr } = await running.ended
  // A renewal within 5 seconds, then 10 for whoever ignores TERM.
  expect(performance.now() - broken).toBeGreaterThan(9_000)
  expect(await noted("term")).toBe("term")
  expect(await Promise.all(pids.map(isAlive))).toEqual([false, false])
  expect(await project.noted()).toEqual([])
  expect(exit, stderr).toBe(4)
  expect(stdout).toContain('"lease-lost"')
  expect(await project.store.locks()).toMatchObject([{ lock: "cloud", leases: [], broken: { by: "admin@desk" } }])
}, 60_000)
