import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, it, onTestFinished } from "vitest"
import { buildCli } from "../support/built-cli.ts"
import { testProject } from "../support/project.ts"

const isAlive = async (pid: string): Promise<boolean> =>
  /\) [^ZX] /.test(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""))

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
  const noted = async (name: string): Promise<string> => {
    const path = join(project.notes, name)
    for (let turn = 0; turn < 500; turn += 1) {
      const content = existsSync(path) ? await readFile(path, "utf8") : ""
      if (content.endsWith("\n")) return content.trim()
      await sleep(20)
    }
    throw new Error(`${name} was never written`)
  }
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
