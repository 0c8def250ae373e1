import { cp, mkdir, readdir, readFile, rm, utimes } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { stateLock } from "../../../src/state/names.ts"
import { openStore } from "../../../src/state/open.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { bundleProgram, type Program } from "../support/program.ts"

const writer = { by: "parent" }
let program: Program
beforeAll(async () => {
  program = await bundleProgram("one-operation.ts")
})
afterAll(() => program.remove())

type Prepared = { readonly root: string; readonly lease: Lease }

/** Two versions of a state file, and a lease on `production` or another lock. */
async function prepare(lock = "production"): Promise<Prepared & { readonly url: string; readonly store: StateStore }> {
  const { root, url, open, remove } = await fileStorage()
  onTestFinished(remove)
  const store = await open(project)
  await store.put("a.json", bytes("oldest content"), { base: "absent", writer })
  await store.put("a.json", bytes("old content"), { base: 1, writer })
  const answer = await store.acquire({
    lock,
    exclusive: true,
    description: "",
    holder: writer,
    ttl: 60,
    idempotencyKey: "parent",
    queue: false,
  })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return { root, url, store, lease: answer.lease }
}

async function read(store: StateStore): Promise<string | undefined> {
  const found = await store.get("a.json")
  return found === undefined ? undefined : textOf(found.content)
}

/** Runs the operation on copies of the store, killed before its first step, its second, and so on to its end. */
async function killAtEachStep(
  { root, lease }: Prepared,
  operation: string,
  check: (store: StateStore) => Promise<void>,
): Promise<number> {
  const killAt = async (step: number): Promise<boolean> => {
    const copy = `${root}-${step}`
    await cp(root, copy, { recursive: true })
    const url = pathToFileURL(copy).href
    const { signal, lines } = await program.start([url, operation, lease.id, String(step)]).ended
    expect(signal === "SIGKILL" || lines.includes("done"), lines.join()).toBe(true)
    await check(await openStore(url, project))
    await rm(copy, { recursive: true })
    return signal === "SIGKILL"
  }
  for (let step = 1; ; step += 2) {
    const killed = await Promise.all([killAt(step), killAt(step + 1)])
    if (!killed.every(Boolean)) return step + killed.indexOf(false)
  }
}

describe("killed before any step, the store answers with the old or the new, whole", () => {
  test.each([
    ["put", "new content", "old content"],
    ["rollback", "oldest content", "old content"],
    ["delete", undefined, "old content"],
  ])("%s", async (operation, after, before) => {
    const seen = new Set<string | undefined>()
    const steps = await killAtEachStep(await prepare(), operation, async (store) => {
      const content = await read(store)
      seen.add(content)
      const versions = (await store.history("a.json"))?.map(({ version }) => version)
      expect(versions).toEqual(content === before ? [2, 1] : [3, 2, 1])
      const next = await store.put("a.json", bytes("next"), { base: "current", writer })
      expect(next.version).toBe(content === before ? 3 : 4)
      expect(await read(store)).toBe("next")
    })
    expect(seen).toEqual(new Set([after, before]))
    expect(steps).toBeGreaterThan(5)
  })

  test("the very first put", async () => {
    const { root, lease } = await prepare()
    await rm(root, { recursive: true })
    await mkdir(root)
    const seen = new Set<string | undefined>()
    await killAtEachStep({ root, lease }, "put", async (store) => {
      const content = await read(store)
      seen.add(content)
      expect((await store.put("a.json", bytes("next"), { base: "current", writer })).version).toBe(
        content === undefined ? 1 : 2,
      )
    })
    expect(seen).toEqual(new Set([undefined, "new content"]))
  })

  test("acquire", async () => {
    const prepared = await prepare("other")
    const seen = new Set<number>()
    await killAtEachStep(prepared, "acquire", async (store) => {
      const leases = (await store.locks()).filter(({ lock }) => lock === "production").flatMap(({ leases }) => leases)
      seen.add(leases.length)
      const request = {
        lock: "production",
        exclusive: true,
        description: "",
        holder: writer,
        ttl: 9,
        idempotencyKey: "next",
        queue: false,
      }
      expect((await store.acquire(request)).outcome).toBe(leases.length === 0 ? "acquired" : "blocked")
      await store.break("production", { by: "admin" })
      expect(await store.acquire({ ...request, idempotencyKey: "again" })).toMatchObject({
        outcome: "acquired",
        lease: { token: 2 },
      })
    })
    expect(seen).toEqual(new Set([0, 1]))
  })

  test("renew", async () => {
    const prepared = await prepare()
    const seen = new Set<boolean>()
    await killAtEachStep(prepared, "renew", async (store) => {
      const [lease] = (await store.locks()).flatMap(({ leases }) => leases)
      expect(lease?.id).toBe(prepared.lease.id)
      seen.add(lease?.expires === prepared.lease.expires)
      await store.release(prepared.lease.id)
    })
    expect(seen).toEqual(new Set([true, false]))
  })

  test("release", async () => {
    const prepared = await prepare()
    const seen = new Set<number>()
    await killAtEachStep(prepared, "release", async (store) => {
      const leases = (await store.locks()).flatMap(({ leases }) => leases)
      seen.add(leases.length)
      await store.break("production", { by: "admin" })
      expect(
        (
          await store.acquire({
            lock: "production",
            exclusive: true,
            description: "",
            holder: writer,
            ttl: 9,
            idempotencyKey: "next",
            queue: false,
          })
        ).outcome,
      ).toBe("acquired")
    })
    expect(seen).toEqual(new Set([0, 1]))
  })
})

describe("a holder that was paused beyond its lease", () => {
  test.each(["read record", "link record"])("wakes before %j and cannot write", async (step) => {
    const { url, store, lease } = await prepare(stateLock("a.json"))
    await store.get("a.json", { lease })
    const { child, ended, line } = program.start([url, "put under lease", lease.id, step, "SIGSTOP"])
    await line("stopping")
    await untilStopped(child.pid)
    await store.break(stateLock("a.json"), { by: "admin" })
    const answer = await store.acquire({
      lock: stateLock("a.json"),
      exclusive: true,
      description: "",
      holder: writer,
      ttl: 60,
      idempotencyKey: "next",
      queue: false,
    })
    if (answer.outcome !== "acquired") throw new Error("blocked")
    const found = await store.get("a.json", { lease: answer.lease })
    expect(found?.version.version).toBe(2)
    child.kill("SIGCONT")
    // The signal may stop it at a later step of the same name again.
    const waking = setInterval(() => child.kill("SIGCONT"), 50)
    onTestFinished(() => clearInterval(waking))
    expect((await ended).lines.at(-1)).toBe("lease-lost")
    expect(await read(store)).toBe("old content")
    expect(await store.put("a.json", bytes("taken over"), { base: 2, writer, lease: answer.lease })).toMatchObject({
      version: 3,
    })
  })
})

async function untilStopped(pid: number | undefined): Promise<void> {
  for (;;) {
    if (/^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, "utf8"))) return
    await sleep(10)
  }
}

test("what a killed writer left is gone when it is old", async () => {
  const { root, url, store, lease } = await prepare("other")
  await program.start([url, "put", lease.id, "rename blob"]).ended
  const left = await readdir(join(root, "tmp"))
  expect(left).toHaveLength(1)
  const longAgo = new Date(Date.now() - 2 * 3600_000)
  for (const name of left) await utimes(join(root, "tmp", name), longAgo, longAgo)
  await store.put("a.json", bytes("next"), { base: "current", writer })
  expect(await readdir(join(root, "tmp"))).toEqual([])
})
