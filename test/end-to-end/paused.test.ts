import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { lockKey } from "../../src/state/keys.ts"
import { stateLock } from "../../src/state/names.ts"
import { openObjects } from "../../src/state/open.ts"
import { parseRecord } from "../../src/state/records/records.ts"
import { lockRecordSchema } from "../../src/state/records/lock-record.ts"
import type { Lease, StateStore } from "../../src/state/store.ts"
import { project as repo } from "../state/contract.ts"
import { bytes, textOf } from "../state/support/content.ts"
import { s3Storage } from "../state/support/s3-storage.ts"
import { appears, isAlive } from "../support/appears.ts"
import { buildCli, type BuiltCli } from "../support/built-cli.ts"
import { testProject, type TestProject } from "../support/project.ts"

type Where = { readonly store: StateStore; readonly env: Readonly<Record<string, string>> }

const drivers: Readonly<Record<string, (project: TestProject) => Promise<Where>>> = {
  file: async ({ store }) => ({ store, env: { ALCIDES_STATE: store.url } }),
  s3: async () => {
    const { url, env, open } = await s3Storage()
    return { store: await open(repo), env: { ...env, ALCIDES_STATE: url } }
  },
}

const lock = stateLock("db")
const other = { by: "another" }

let cli: BuiltCli
beforeAll(async () => {
  cli = await buildCli()
})
afterAll(() => cli.remove())

describe.each(Object.entries(drivers))("who was paused beyond its lease, with state in %s:", (_, driver) => {
  let project: TestProject
  let store: StateStore
  let env: Record<string, string>
  beforeEach(async () => {
    project = await testProject()
    const where = await driver(project)
    store = where.store
    env = { ...project.env, ALCIDES_PROJECT: "github/neat-org/neat-repo", ...where.env }
    await store.put("db", bytes("old"), { base: "absent", writer: other })
  })
  afterEach(() => project.remove())

  const start = (args: readonly string[]) => cli.start(args, { env, cwd: project.repository.root })
  const goOn = (): Promise<void> => writeFile(join(project.notes, "go"), "")
  const noted = (name: string): Promise<string> => appears(join(project.notes, name))

  /** Waits for the lock, then reads and writes under it, and keeps it. */
  const takeOver = async (): Promise<Lease> => {
    const request = { lock, exclusive: true, description: "", holder: other, ttl: 60, idempotencyKey: "k", queue: true }
    for (;;) {
      const answer = await store.acquire(request)
      if (answer.outcome === "acquired") {
        const { lease } = answer
        const found = await store.get("db", { lease })
        expect(await textOf(found?.content ?? bytes(""))).toBe("old")
        await store.put("db", bytes("fresh"), { base: 1, writer: other, lease })
        return lease
      }
      await sleep(100)
    }
  }

  /** What the time does to leases, only sooner. */
  const endLeases = async (): Promise<void> => {
    const objects = await openObjects(store.url, { env })
    const key = lockKey(repo, lock)
    const stored = await objects.read(key)
    const record = parseRecord({ text: stored?.text ?? "", schema: lockRecordSchema, where: key })
    const expires = new Date((await objects.now()) - 1000).toISOString()
    const text = JSON.stringify({ ...record, leases: record.leases.map((lease) => ({ ...lease, expires })) })
    expect(await objects.swap(key, { text, expected: stored?.tag ?? "absent" })).toBeDefined()
  }

  const expectFresh = async (lease: Lease): Promise<void> => {
    expect(await textOf((await store.get("db"))?.content ?? bytes(""))).toBe("fresh")
    expect((await store.history("db"))?.map(({ writer }) => writer.by)).toEqual(["another", "another"])
    expect(await store.locks()).toMatchObject([{ lock, leases: [{ id: lease.id }] }])
  }

  it("`lock run` ends what it runs, whose put is refused, and kept", { timeout: 60_000 }, async () => {
    const put = `"${process.execPath}" "${cli.path}" state put --name db --file - --no-wait`
    const script = `echo $$ > "$0/pid"; while ! test -e "$0/go"; do sleep 0.05; done; echo stale | ${put}; echo $? > "$0/refused"; while :; do sleep 0.1; done`
    const running = start(["lock", "run", "--name", lock, "--ttl", "3", "--", "sh", "-c", script, project.notes])
    const pid = await noted("pid")
    running.child.kill("SIGSTOP")
    process.kill(Number(pid), "SIGSTOP")
    const lease = await takeOver()
    // First the program wakes, then who holds the lock for it.
    await goOn()
    process.kill(Number(pid), "SIGCONT")
    expect(await noted("refused")).toBe("7")
    running.child.kill("SIGCONT")
    const { exit, stderr } = await running.ended
    expect([exit, stderr]).toEqual([4, expect.stringMatching(/ was lost: the lease \S+ is no longer held: /m)])
    expect(await isAlive(pid)).toBe(false)
    await expectFresh(lease)
  })

  it("an effect is ended, and its state is kept and named, not put", { timeout: 60_000 }, async () => {
    await project.pipeline(
      `{ net: mkEffect({ name: "net", state: "db", effect: async (context) => {
        writeFileSync(context.stateFile("db").path, "stale")
        await context.run("sh", ["-c", "echo $$ > " + notes + "/pid; while ! test -e " + notes + "/go; do sleep 0.02; done"])
      } }) }`,
    )
    const running = start(["run"])
    const pid = await noted("pid")
    running.child.kill("SIGSTOP")
    process.kill(Number(pid), "SIGSTOP")
    await endLeases()
    const lease = await takeOver()
    await goOn()
    process.kill(Number(pid), "SIGCONT")
    running.child.kill("SIGCONT")
    const { exit, stderr } = await running.ended
    expect(exit).toBe(7)
    const kept = /state file db could not be put \(.*\); it is kept in (\S+)/.exec(stderr)?.[1] ?? ""
    expect(await readFile(kept, "utf8")).toBe("stale")
    expect(stderr).toMatch(/the lease \S+ is no longer held/)
    expect(await isAlive(pid)).toBe(false)
    await expectFresh(lease)
  })
})
