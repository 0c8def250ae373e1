import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { stateLock } from "../../src/state/names.ts"
import type { Lease, LeaseAnswer, LeaseRequest, StateStore } from "../../src/state/store.ts"
import { project } from "./contract.ts"
import { bytes, textOf } from "./support/content.ts"
import { bundleProgram, type Program } from "./support/program.ts"
import type { ProgramStorage } from "./support/storage.ts"

const writer = { by: "parent" }
// In milliseconds: a program for each step, on a machine that may have other things to do.
const timeout = 240_000

export type CrashOptions = {
  readonly makeStorage: () => Promise<ProgramStorage>
  /** Steps of the driver's, as it calls them, before which a writer that slept too long wakes. */
  readonly pauses: readonly string[]
  /** How many steps a put takes at least: fewer means that not all were seen. */
  readonly putSteps: number
}

/** What must hold when a program is killed or paused between any two steps of a driver. */
export function testCrashes(name: string, { makeStorage, pauses, putSteps }: CrashOptions): void {
  let program: Program
  beforeAll(async () => {
    program = await bundleProgram("one-operation.ts")
  })
  afterAll(() => program.remove())

  const fresh = async (): Promise<ProgramStorage> => {
    const storage = await makeStorage()
    onTestFinished(storage.remove)
    return storage
  }

  const acquire = (store: StateStore, request: Partial<LeaseRequest>): Promise<LeaseAnswer> =>
    store.acquire({
      lock: "production",
      exclusive: true,
      description: "",
      holder: writer,
      ttl: 60,
      idempotencyKey: "parent",
      queue: false,
      ...request,
    })

  type Prepared = { readonly storage: ProgramStorage; readonly store: StateStore; readonly lease: Lease }

  /** Two versions of a state file, and a lease on `production` or another lock. */
  const prepare = async (lock = "production"): Promise<Prepared> => {
    const storage = await fresh()
    const store = await storage.open(project)
    await store.put("a.json", bytes("oldest content"), { base: "absent", writer })
    await store.put("a.json", bytes("old content"), { base: 1, writer })
    const answer = await acquire(store, { lock })
    if (answer.outcome !== "acquired") throw new Error("blocked")
    return { storage, store, lease: answer.lease }
  }

  const read = async (store: StateStore): Promise<string | undefined> => {
    const found = await store.get("a.json")
    return found === undefined ? undefined : textOf(found.content)
  }

  /** Runs the operation on storages of its own, killed before its first step, its second, and so on to its end. */
  const killAtEachStep = async (
    {
      makeOne,
      operation,
      leaseId = "",
    }: { makeOne: () => Promise<ProgramStorage>; operation: string; leaseId?: string },
    check: (store: StateStore) => Promise<void>,
  ): Promise<number> => {
    const killAt = async (step: number): Promise<boolean> => {
      const { url, env, open, remove } = await makeOne()
      const { signal, lines } = await program.start([url, operation, leaseId, String(step)], env).ended
      expect(signal === "SIGKILL" || lines.includes("done"), lines.join()).toBe(true)
      await check(await open(project))
      await remove()
      return signal === "SIGKILL"
    }
    for (let step = 1; ; step += 2) {
      const killed = await Promise.all([killAt(step), killAt(step + 1)])
      if (!killed.every(Boolean)) return step + killed.indexOf(false)
    }
  }

  describe(`${name}: killed before any step, the store answers with the old or the new, whole`, { timeout }, () => {
    test.each([
      ["put", "new content", "old content"],
      ["rollback", "oldest content", "old content"],
      ["delete", undefined, "old content"],
    ])("%s", async (operation, after, before) => {
      const seen = new Set<string | undefined>()
      const { storage } = await prepare()
      const steps = await killAtEachStep({ makeOne: storage.copy, operation }, async (store) => {
        const content = await read(store)
        seen.add(content)
        const versions = (await store.history("a.json"))?.map(({ version }) => version)
        expect(versions).toEqual(content === before ? [2, 1] : [3, 2, 1])
        const next = await store.put("a.json", bytes("next"), { base: "current", writer })
        expect(next.version).toBe(content === before ? 3 : 4)
        expect(await read(store)).toBe("next")
      })
      expect(seen).toEqual(new Set([after, before]))
      if (operation === "put") expect(steps).toBeGreaterThan(putSteps)
    })

    test("the very first put", async () => {
      const seen = new Set<string | undefined>()
      await killAtEachStep({ makeOne: makeStorage, operation: "put" }, async (store) => {
        const content = await read(store)
        seen.add(content)
        expect((await store.put("a.json", bytes("next"), { base: "current", writer })).version).toBe(
          content === undefined ? 1 : 2,
        )
      })
      expect(seen).toEqual(new Set([undefined, "new content"]))
    })

    test("acquire", async () => {
      const { storage } = await prepare("other")
      const seen = new Set<number>()
      await killAtEachStep({ makeOne: storage.copy, operation: "acquire" }, async (store) => {
        const leases = (await store.locks()).filter(({ lock }) => lock === "production").flatMap(({ leases }) => leases)
        seen.add(leases.length)
        expect((await acquire(store, { idempotencyKey: "next" })).outcome).toBe(
          leases.length === 0 ? "acquired" : "blocked",
        )
        await store.break("production", { by: "admin" })
        expect(await acquire(store, { idempotencyKey: "again" })).toMatchObject({
          outcome: "acquired",
          lease: { token: 2 },
        })
      })
      expect(seen).toEqual(new Set([0, 1]))
    })

    test("acquire of a state file's own lock, which its head knows of, too", async () => {
      const { storage } = await prepare()
      const lock = stateLock("a.json")
      const seen = new Set<number>()
      const operation = "acquire the state file's"
      await killAtEachStep({ makeOne: storage.copy, operation }, async (store) => {
        seen.add((await store.locks()).filter((status) => status.lock === lock).flatMap(({ leases }) => leases).length)
        expect(await read(store)).toBe("old content")
        // Whoever asks again with the same key has the lock, and nobody else writes.
        const answer = await acquire(store, { lock, idempotencyKey: "child" })
        if (answer.outcome !== "acquired") throw new Error("blocked")
        const put = store.put("a.json", bytes("x"), { base: 2, writer })
        await expect(put).rejects.toMatchObject({ code: "state-locked" })
        const { lease } = answer
        expect(await store.put("a.json", bytes("next"), { base: 2, writer, lease })).toMatchObject({ version: 3 })
      })
      expect(seen).toEqual(new Set([0, 1]))
    })

    test("renew", async () => {
      const { storage, lease } = await prepare()
      const seen = new Set<boolean>()
      await killAtEachStep({ makeOne: storage.copy, operation: "renew", leaseId: lease.id }, async (store) => {
        const [found] = (await store.locks()).flatMap(({ leases }) => leases)
        expect(found?.id).toBe(lease.id)
        seen.add(found?.expires === lease.expires)
        await store.release(lease.id)
      })
      expect(seen).toEqual(new Set([true, false]))
    })

    test("release", async () => {
      const { storage, lease } = await prepare()
      const seen = new Set<number>()
      await killAtEachStep({ makeOne: storage.copy, operation: "release", leaseId: lease.id }, async (store) => {
        seen.add((await store.locks()).flatMap(({ leases }) => leases).length)
        await store.break("production", { by: "admin" })
        expect((await acquire(store, { idempotencyKey: "next" })).outcome).toBe("acquired")
      })
      expect(seen).toEqual(new Set([0, 1]))
    })
  })

  describe(`${name}: a holder that was paused beyond its lease`, () => {
    test.each(pauses)("wakes before %j and cannot write", async (step) => {
      const lock = stateLock("a.json")
      const { storage, store, lease } = await prepare(lock)
      await store.get("a.json", { lease })
      const { child, ended, line } = program.start(
        [storage.url, "put under lease", lease.id, step, "SIGSTOP"],
        storage.env,
      )
      await line("stopping")
      await untilStopped(child.pid)
      await store.break(lock, { by: "admin" })
      const answer = await acquire(store, { lock, idempotencyKey: "next" })
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
}

async function untilStopped(pid: number | undefined): Promise<void> {
  for (;;) {
    if (/^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, "utf8"))) return
    await sleep(10)
  }
}
