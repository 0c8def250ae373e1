import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openHerculesStore } from "../../../src/state/drivers/hercules.ts"
import { inParallel } from "../../../src/state/in-parallel.ts"
import { stateLock } from "../../../src/state/names.ts"
import type { Lease, LeaseAnswer, LeaseRequest, Project, StateStore } from "../../../src/state/store.ts"
import { bytes, textOf } from "../support/content.ts"
import { plainStorage, servedStorage, type HerculesStorage } from "../support/hercules-server.ts"
import { killsOf, runAndKill, type Kill } from "../support/killing-network.ts"
import { bundleProgram, type Program } from "../support/program.ts"

const writer = { by: "parent" }
const lock = stateLock("a.json")
// In milliseconds: a program for each request, on a machine that may have other things to do.
const timeout = 240_000

let program: Program
beforeAll(async () => {
  program = await bundleProgram("one-hercules-operation.ts")
})
afterAll(() => program.remove())

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

async function held(store: StateStore, request: Partial<LeaseRequest>): Promise<Lease> {
  const answer = await acquire(store, request)
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

type Content = readonly [version: number, text: string]

/** All versions, oldest first, with what they hold. */
async function contents(store: StateStore): Promise<readonly Content[]> {
  const versions = (await store.history("a.json"))?.map(({ version }) => version).toReversed() ?? []
  return Promise.all(
    versions.map(async (version) => {
      const found = await store.get("a.json", { version })
      return [version, found === undefined ? "absent" : await textOf(found.content)] as const
    }),
  )
}

const old: readonly Content[] = [
  [1, "oldest content"],
  [2, "old content"],
]

for (const [server, make] of [
  ["alcides serve state", servedStorage],
  ["a server that compares nothing", plainStorage],
] as const) {
  describe(`hercules (${server}): killed at any request, there is the old or the new, whole`, { timeout }, () => {
    let storage: HerculesStorage
    beforeAll(async () => {
      storage = await make()
    })
    afterAll(() => storage.remove())

    type Place = {
      readonly project: Project
      /** As a program that waits for nobody for long. */
      open(): StateStore
      readonly store: StateStore
      /** Around the server. */
      readonly behind: StateStore
      leases(name: string): Promise<readonly Lease[]>
      breakLock(name: string): Promise<void>
      /** What the operation is about. */
      readonly lease?: Lease
    }

    let places = 0
    const place = async (): Promise<Place> => {
      places += 1
      const project = { site: "github", owner: "neat-org", name: `repo-${places}` }
      const locks = await storage.locksBehind(project)
      const open = () => openHerculesStore(storage.url, project, { env: storage.env, patience: { deadline: 50 } })
      return {
        project,
        open,
        store: open(),
        behind: await storage.behind(project),
        leases: async (name) =>
          (await locks.locks()).filter((one) => one.lock === name).flatMap(({ leases }) => leases),
        breakLock: async (name) => void (await locks.break(name, { by: "admin" })),
      }
    }

    const withOld = async (): Promise<Place> => {
      const made = await place()
      await made.behind.put("a.json", bytes("oldest content"), { base: "absent", writer })
      await made.behind.put("a.json", bytes("old content"), { base: 1, writer })
      return made
    }

    const withLease = async (made: Place, name = "production"): Promise<Place & { readonly lease: Lease }> => ({
      ...made,
      lease: await held(made.store, { lock: name }),
    })

    /** Runs the operation in a place of its own to its end, and then for each request in another where it is killed there. */
    const killAtEachRequest = async <P extends Place>(
      { operation, prepare }: { readonly operation: string; readonly prepare: () => Promise<P> },
      check: (place: P) => Promise<void>,
    ): Promise<void> => {
      const run = async (kill?: Kill) => {
        const made = await prepare()
        const { project, lease } = made
        return { made, ...(await runAndKill({ storage, program, project, operation, lease: lease?.id, kill })) }
      }
      const whole = await run()
      expect(whole.lines).toEqual(["done"])
      await inParallel(killsOf(whole.requests), {
        atOnce: 2,
        act: async (kill) => {
          const { made, signal, lines } = await run(kill)
          expect(signal, `${JSON.stringify(kill)}: ${lines.join()}`).toBe("SIGKILL")
          await check(made).catch((cause: unknown) => {
            throw new Error(`after it was killed ${kill.when} request ${kill.request}`, { cause })
          })
        },
      })
    }

    type Write = {
      readonly name: string
      readonly operation: string
      readonly prepare: () => Promise<Place>
      readonly before: readonly Content[]
      readonly added: string
    }
    test.each<Write>([
      { name: "the very first put", operation: "put", prepare: place, before: [], added: "new content" },
      { name: "put", operation: "put", prepare: withOld, before: old, added: "new content" },
      {
        name: "put of a program that runs under the lock",
        operation: "put under lease",
        prepare: async () => withLease(await withOld(), lock),
        before: old,
        added: "new content",
      },
      { name: "rollback", operation: "rollback", prepare: withOld, before: old, added: "oldest content" },
    ])("$name", async ({ operation, prepare, before, added }) => {
      const seen = new Set<string>()
      await killAtEachRequest({ operation, prepare }, async ({ store, behind, leases, breakLock, lease }) => {
        if (lease !== undefined) await store.release(lease.id)
        const now = await contents(store)
        expect([before, [...before, [before.length + 1, added]]]).toContainEqual(now)
        expect(await contents(behind)).toEqual(now)
        const left = await leases(lock)
        seen.add(`${now.length - before.length} new, ${left.length} leases`)
        const put = () => store.put("a.json", bytes("next"), { base: now.length === 0 ? "absent" : now.length, writer })
        // The server cannot tell a program that was killed from one that is slow: its lease counts until it ends.
        for (const lease of left) {
          await expect(put()).rejects.toMatchObject({
            code: "state-locked",
            message: `"a.json" is locked by server-user (alcides: a put under way) since ${lease.acquired}, until ${lease.expires} unless renewed`,
          })
          await breakLock(lock)
        }
        expect(await put()).toMatchObject({ version: now.length + 1 })
        expect(await contents(behind)).toEqual([...now, [now.length + 1, "next"]])
        expect(await leases(lock)).toEqual([])
      })
      expect(seen).toEqual(new Set(["0 new, 0 leases", "0 new, 1 leases", "1 new, 1 leases", "1 new, 0 leases"]))
    })

    test("acquire", async () => {
      const seen = new Set<number>()
      await killAtEachRequest({ operation: "acquire", prepare: place }, async ({ store, leases, breakLock }) => {
        const left = await leases("production")
        seen.add(left.length)
        const other = await acquire(store, { idempotencyKey: "other" })
        expect(other).toMatchObject(
          left.length === 0 ? { outcome: "acquired" } : { outcome: "blocked", by: left.map(({ id }) => ({ id })) },
        )
        for (const { id } of left) {
          expect((await held(store, { idempotencyKey: "child" })).id).toBe(id)
          expect(await leases("production")).toHaveLength(1)
        }
        await breakLock("production")
        await held(store, { idempotencyKey: "next" })
      })
      expect(seen).toEqual(new Set([0, 1]))
    })

    test("acquire of a state file's own lock", async () => {
      const seen = new Set<number>()
      const operation = { operation: "acquire the state file's", prepare: withOld }
      await killAtEachRequest(operation, async ({ open, store, behind, leases }) => {
        const left = await leases(lock)
        seen.add(left.length)
        // Whoever asks again with the same key has the lock, and nobody else writes.
        const lease = await held(store, { lock, idempotencyKey: "child" })
        expect(left.every(({ id }) => id === lease.id)).toBe(true)
        const other = open().put("a.json", bytes("x"), { base: 2, writer })
        await expect(other).rejects.toMatchObject({ code: "state-locked" })
        expect(await store.put("a.json", bytes("next"), { base: 2, writer, lease })).toMatchObject({ version: 3 })
        expect(await contents(behind)).toEqual([...old, [3, "next"]])
      })
      expect(seen).toEqual(new Set([0, 1]))
    })

    test("renew", async () => {
      const seen = new Set<boolean>()
      const prepare = async () => withLease(await place())
      await killAtEachRequest({ operation: "renew", prepare }, async ({ store, leases, breakLock, lease }) => {
        const [found, ...others] = await leases("production")
        expect(others).toEqual([])
        expect(found?.id).toBe(lease.id)
        seen.add(found?.expires === lease.expires)
        expect(await acquire(store, { idempotencyKey: "other" })).toMatchObject({ outcome: "blocked" })
        expect((await store.renew(lease.id, { ttl: 60 })).id).toBe(lease.id)
        await breakLock("production")
        await held(store, { idempotencyKey: "next" })
      })
      expect(seen).toEqual(new Set([true, false]))
    })

    test("release", async () => {
      const seen = new Set<number>()
      const prepare = async () => withLease(await place())
      await killAtEachRequest({ operation: "release", prepare }, async ({ store, leases, lease }) => {
        const left = await leases("production")
        seen.add(left.length)
        const again = store.release(lease.id)
        if (left.length === 0) await expect(again).rejects.toMatchObject({ code: "lease-lost" })
        else await again
        await held(store, { idempotencyKey: "next" })
      })
      expect(seen).toEqual(new Set([0, 1]))
    })
  })
}
