import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, onTestFinished, test } from "vitest"
import { stateLock } from "../../src/state/names.ts"
import type { Lease, LeaseRequest, Project, StateStore } from "../../src/state/store.ts"
import { bytes, textOf } from "./support/content.ts"

export const project: Project = { site: "github", owner: "neat-org", name: "neat-repo" }
const writer = { by: "alice@ci", rev: "0123abc", runUrl: "https://ci.example/runs/1" }

/** One fresh, empty storage that may be opened several times, as by several programs. */
export type Storage = {
  open(project: Project): Promise<StateStore>
  remove(): Promise<void>
}

/**
 * What a driver may do without, where the server behind it has no way to do it. Such a part is left out by its name, and what the driver does
 * instead is tested.
 */
export type Lack =
  /** `delete` */
  | "delete"
  /** Writer, message and `rollbackOf` in the history: it shows what the server wrote down by itself. */
  | "notes"
  /** `locks` */
  | "lock list"
  /** `break` */
  | "break"
  /** A lease as it was asked for, in the answers to others and to repeated requests. */
  | "holder"
  /** Leases that last as long as was asked. */
  | "ttl"
  /** Tokens that grow. */
  | "fencing"
  /** How many wait. */
  | "queue"

/** What every driver must do. */
export function testStateStore(
  name: string,
  makeStorage: () => Promise<Storage>,
  { lacks = [] }: { readonly lacks?: readonly Lack[] } = {},
): void {
  const has = (part: Lack): boolean => !lacks.includes(part)
  const unsupported = { code: "store-unsupported", exit: 2, hint: expect.any(String) }
  const fresh = async (): Promise<{ storage: Storage; store: StateStore }> => {
    const storage = await makeStorage()
    onTestFinished(() => storage.remove())
    return { storage, store: await storage.open(project) }
  }

  const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
    lock: "production",
    exclusive: true,
    description: "deploy",
    holder: writer,
    ttl: 30,
    idempotencyKey: randomUUID(),
    queue: false,
    ...more,
  })

  const acquired = async (store: StateStore, more: Partial<LeaseRequest> = {}): Promise<Lease> => {
    const answer = await store.acquire(request(more))
    if (answer.outcome !== "acquired") throw new Error(`blocked by ${JSON.stringify(answer)}`)
    return answer.lease
  }

  const read = async (store: StateStore, file: string, version?: number): Promise<string | undefined> => {
    const found = await store.get(file, version === undefined ? {} : { version })
    return found === undefined ? undefined : textOf(found.content)
  }

  describe(`${name}: state files`, () => {
    test("says absent while there is nothing", async () => {
      const { store } = await fresh()
      expect(await store.get("a.json")).toBeUndefined()
      expect(await store.get("a.json", { version: 1 })).toBeUndefined()
      expect(await store.history("a.json")).toBeUndefined()
      expect(await store.list()).toEqual([])
      expect(await store.histories()).toEqual([])
      if (has("lock list")) expect(await store.locks()).toEqual([])
    })

    test("gives back what was put, also to another program, with everything about it", async () => {
      const { storage, store } = await fresh()
      const put = await store.put("a.json", bytes("one"), { base: "absent", writer, message: "first" })
      expect(put).toMatchObject({
        version: 1,
        size: 3,
        sha256: "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        ...(has("notes") && { writer, message: "first" }),
      })
      expect(Math.abs(Date.parse(put.created) - Date.now())).toBeLessThan(5_000)
      const other = await storage.open(project)
      const got = await other.get("a.json")
      expect(got?.version).toEqual(put)
      expect(await textOf(got?.content ?? bytes(""))).toBe("one")
    })

    test("keeps an empty file apart from an absent one", async () => {
      const { store } = await fresh()
      await store.put("empty", bytes(""), { base: "absent", writer })
      expect(await read(store, "empty")).toBe("")
    })

    test("keeps every version, newest first in the history", async () => {
      const { store } = await fresh()
      for (const text of ["one", "two", "three"]) await store.put("a.json", bytes(text), { base: "current", writer })
      expect((await store.history("a.json"))?.map(({ version }) => version)).toEqual([3, 2, 1])
      expect(await Promise.all([1, 2, 3, 4].map((version) => read(store, "a.json", version)))).toEqual([
        "one",
        "two",
        "three",
        undefined,
      ])
      expect(await store.list()).toMatchObject([{ name: "a.json", current: { version: 3 }, versions: 3 }])
      expect(await store.histories()).toEqual([{ name: "a.json", versions: await store.history("a.json") }])
    })

    test("refuses to overwrite what the writer has not seen, and says who wrote it", async () => {
      const { store } = await fresh()
      await store.put("a.json", bytes("one"), { base: "absent", writer })
      await store.put("a.json", bytes("two"), { base: 1, writer: { by: "bob@laptop" } })
      const late = {
        code: "state-conflict",
        message: expect.stringContaining(has("notes") ? "bob@laptop wrote that" : " wrote that at "),
        hint: expect.stringContaining("nothing was overwritten"),
      }
      await expect(store.put("a.json", bytes("three"), { base: 1, writer })).rejects.toMatchObject(late)
      await expect(store.put("a.json", bytes("three"), { base: "absent", writer })).rejects.toMatchObject(late)
      await expect(store.put("b.json", bytes("three"), { base: 1, writer })).rejects.toMatchObject({
        code: "state-conflict",
        exit: 1,
      })
      expect(await read(store, "a.json")).toBe("two")
    })

    test("rolls back by adding a version", async () => {
      const { store } = await fresh()
      for (const text of ["one", "two"]) await store.put("a.json", bytes(text), { base: "current", writer })
      expect(await store.rollback("a.json", { to: 1, writer, message: "two was wrong" })).toMatchObject({
        version: 3,
        rollbackOf: 1,
        size: 3,
        ...(has("notes") && { message: "two was wrong" }),
      })
      expect(await read(store, "a.json")).toBe("one")
      expect(await read(store, "a.json", 2)).toBe("two")
      await expect(store.rollback("a.json", { to: 9, writer })).rejects.toMatchObject({
        code: "state-version-absent",
        exit: 1,
      })
      await expect(store.rollback("b.json", { to: 1, writer })).rejects.toMatchObject({ code: "state-absent", exit: 1 })
    })

    test.skipIf(!has("delete"))(
      "deletes by adding a version that says absent, and rollback brings the content back",
      async () => {
        const { store } = await fresh()
        await store.put("a.json", bytes("zero"), { base: "absent", writer })
        await store.put("a.json", bytes("one"), { base: 1, writer })
        // Somebody has written since.
        await expect(store.delete("a.json", { writer, base: 1 })).rejects.toMatchObject({ code: "state-conflict" })
        expect(await store.delete("a.json", { writer, base: 2, message: "gone" })).toMatchObject({
          version: 3,
          deleted: true,
          message: "gone",
        })
        expect(await read(store, "a.json")).toBeUndefined()
        expect(await read(store, "a.json", 2)).toBe("one")
        expect(await store.list()).toEqual([])
        expect(await store.histories()).toMatchObject([{ name: "a.json", versions: { length: 3 } }])
        await expect(store.delete("a.json", { writer })).rejects.toMatchObject({ code: "state-absent" })
        await expect(store.rollback("a.json", { to: 3, writer })).rejects.toMatchObject({
          code: "state-version-absent",
        })
        await expect(store.put("a.json", bytes("x"), { base: 1, writer })).rejects.toMatchObject({
          code: "state-conflict",
          message: expect.stringContaining("deleted"),
        })
        expect(await store.rollback("a.json", { to: 2, writer })).toMatchObject({ version: 4 })
        expect(await read(store, "a.json")).toBe("one")
      },
    )

    test("keeps names and projects apart, whatever they look like", async () => {
      const { storage, store } = await fresh()
      const names = [
        "a.json",
        "A.json",
        "Grüße ☃",
        "%61.json",
        ".hidden",
        "__proto__",
        "x".repeat(200),
        `${"☃".repeat(66)}a`,
        `${"☃".repeat(66)}b`,
      ]
      for (const name of names) await store.put(name, bytes(name), { base: "absent", writer })
      for (const name of names) expect(await read(store, name)).toBe(name)
      expect((await store.list()).map(({ name }) => name).sort()).toEqual([...names].sort())
      const other = await storage.open({ site: "github", owner: "neat-org", name: "Neat-Repo" })
      expect(await other.list()).toEqual([])
      await store.acquire(request({ lock: stateLock("x".repeat(200)) }))
      if (has("lock list")) expect((await other.locks()).length).toBe(0)
    })

    test.each(["", "a/b", "..", "a..b", "a\nb", "x".repeat(201)])(
      "refuses the name %j before anything happens",
      async (name) => {
        const { store } = await fresh()
        const refused = { code: "state-name-invalid", exit: 2 }
        await expect(store.get(name)).rejects.toMatchObject(refused)
        await expect(store.put(name, bytes("x"), { base: "current", writer })).rejects.toMatchObject(refused)
        await expect(store.delete(name, { writer })).rejects.toMatchObject(refused)
        await expect(
          store.acquire(request({ lock: `${name}${"x".repeat(name.length > 200 ? 20 : 0)}` })),
        ).rejects.toMatchObject({ code: "lock-name-invalid" })
      },
    )

    test("leaves the old version when the content breaks off", async () => {
      const { store } = await fresh()
      await store.put("a.json", bytes("one"), { base: "absent", writer })
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("half")
        throw new Error("the export failed")
      }
      await expect(store.put("a.json", broken(), { base: 1, writer })).rejects.toThrow("the export failed")
      expect(await read(store, "a.json")).toBe("one")
    })
  })

  describe(`${name}: races`, () => {
    test("lets exactly one of many win on the same base", async () => {
      const { storage } = await fresh()
      const stores = await Promise.all(Array.from({ length: 6 }, () => storage.open(project)))
      for (let round = 0; round < 4; round += 1) {
        const base = round === 0 ? "absent" : round
        // The same content on purpose: two racers must not share a blob.
        const results = await Promise.allSettled(
          stores.map((store) => store.put("a.json", bytes(`round ${round}`), { base, writer })),
        )
        const lost = results.filter((result) => result.status === "rejected").map(({ reason }) => reason)
        expect(lost).toHaveLength(5)
        for (const reason of lost) expect(reason).toMatchObject({ code: "state-conflict" })
        expect(await read(stores[0] ?? (await storage.open(project)), "a.json")).toBe(`round ${round}`)
      }
    })

    test("loses none of many writes on whatever is current", async () => {
      const { storage, store } = await fresh()
      const puts = Array.from({ length: 12 }, async (_, index) => {
        const { version } = await (
          await storage.open(project)
        ).put("a.json", bytes(`${index}`), { base: "current", writer })
        return { version, text: `${index}` }
      })
      const done = await Promise.all(puts)
      expect(new Set(done.map(({ version }) => version)).size).toBe(12)
      for (const { version, text } of done) expect(await read(store, "a.json", version)).toBe(text)
    })
  })

  describe(`${name}: leases`, () => {
    test("gives an exclusive lease to one alone, and says who holds it", async () => {
      const { storage, store } = await fresh()
      const lease = await acquired(store, { description: "deploy neat-network" })
      expect(lease.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      const other = await storage.open(project)
      const { id, lock, exclusive, description, expires } = lease
      const shown = has("holder") ? lease : expect.objectContaining({ id, lock, exclusive, description, expires })
      expect(await other.acquire(request())).toEqual({ outcome: "blocked", by: [shown], ahead: 0 })
      expect(await other.acquire(request({ exclusive: false }))).toMatchObject({ outcome: "blocked" })
      if (has("lock list")) expect(await other.locks()).toEqual([{ lock: "production", leases: [lease], waiting: 0 }])
      await store.release(lease.id)
      expect(await other.acquire(request())).toMatchObject({
        outcome: "acquired",
        lease: { token: has("fencing") ? lease.token + 1 : 0 },
      })
    })

    test("gives shared leases to many, and none beside an exclusive one", async () => {
      const { store } = await fresh()
      const one = await acquired(store, { exclusive: false })
      const two = await acquired(store, { exclusive: false })
      expect(await store.acquire(request())).toMatchObject({ outcome: "blocked", by: [{ id: one.id }, { id: two.id }] })
      await store.release(one.id)
      await store.release(two.id)
      expect(await store.acquire(request())).toMatchObject({ outcome: "acquired" })
    })

    test("answers a repeated request with the same lease", async () => {
      const { storage, store } = await fresh()
      const same = request()
      const lease = await acquired(store, same)
      const again = has("holder") ? lease : { ...lease, acquired: expect.any(String) }
      expect(await (await storage.open(project)).acquire(same)).toEqual({ outcome: "acquired", lease: again })
      await store.release(lease.id)
      expect((await acquired(store, same)).id).not.toBe(lease.id)
    })

    test("renews and releases by the id alone, from a store of another project", async () => {
      const { storage, store } = await fresh()
      const lease = await acquired(store, { ttl: 5 })
      const other = await storage.open({ site: "gitlab", owner: "someone", name: "else" })
      const renewed = await other.renew(lease.id, { ttl: 60, description: "still deploying" })
      expect(renewed).toMatchObject({
        id: lease.id,
        ...(has("holder") && { lock: "production", token: lease.token }),
        description: "still deploying",
      })
      if (has("ttl")) {
        expect(Date.parse(renewed.expires)).toBeGreaterThan(Date.parse(lease.expires) + 50_000)
        expect((await other.renew(lease.id, { ttl: 1 })).expires).toBe(renewed.expires)
      }
      if (has("lock list")) expect(await other.locks()).toEqual([])
      await other.release(lease.id)
      await expect(store.release(lease.id)).rejects.toMatchObject({ code: "lease-lost", exit: 6 })
      await expect(store.renew(lease.id, { ttl: 5 })).rejects.toMatchObject({ code: "lease-lost", exit: 6 })
      for (const id of [randomUUID(), "nonsense"])
        await expect(store.release(id)).rejects.toMatchObject({ code: "lease-lost" })
    })

    test.skipIf(!has("ttl"))("ends a lease by the store's clock", async () => {
      const { store } = await fresh()
      const lease = await acquired(store, { ttl: 0.3 })
      await sleep(400)
      expect(await store.locks()).toEqual([])
      await expect(store.renew(lease.id, { ttl: 5 })).rejects.toMatchObject({ code: "lease-lost" })
      expect((await acquired(store)).token).toBe(lease.token + 1)
    })

    test("grants a child beside its parent, also below other locks, but not beside a sibling", async () => {
      const { store } = await fresh()
      const parent = await acquired(store)
      const between = await acquired(store, { lock: "other", parent: parent.id })
      const child = await acquired(store, { parent: between.id })
      expect(child.parent).toBe(between.id)
      expect(await store.acquire(request({ parent: parent.id }))).toMatchObject({
        outcome: "blocked",
        by: [{ id: child.id }],
      })
      await store.release(between.id)
      await expect(store.acquire(request({ parent: between.id }))).rejects.toMatchObject({ code: "lease-lost" })
    })

    test.skipIf(!has("queue"))("keeps the order of arrival, and a waiting writer ahead of later readers", async () => {
      const { store } = await fresh()
      const holder = await acquired(store, { exclusive: false })
      const first = request({ queue: true })
      const second = request({ queue: true, exclusive: false })
      expect(await store.acquire(first)).toMatchObject({ outcome: "blocked", ahead: 0 })
      expect(await store.acquire(second)).toMatchObject({ outcome: "blocked", by: [], ahead: 1 })
      expect(await store.locks()).toMatchObject([{ waiting: 2 }])
      expect(await store.acquire(request({ parent: holder.id, exclusive: false }))).toMatchObject({
        outcome: "acquired",
      })
      await store.break("production", { by: "admin" })
      expect(await store.acquire(request())).toMatchObject({ outcome: "blocked", by: [], ahead: 2 })
      expect(await store.acquire(second)).toMatchObject({ outcome: "blocked" })
      const lease = await acquired(store, first)
      expect(await store.acquire(second)).toMatchObject({ outcome: "blocked", by: [{ id: lease.id }], ahead: 0 })
      await store.withdraw("production", second.idempotencyKey)
      await store.release(lease.id)
      expect(await store.acquire(request())).toMatchObject({ outcome: "acquired" })
    })

    test("takes a request back together with the lease it got", async () => {
      const { store } = await fresh()
      const asked = request()
      const lease = await acquired(store, asked)
      await store.withdraw("production", asked.idempotencyKey)
      await expect(store.release(lease.id)).rejects.toMatchObject({ code: "lease-lost" })
    })

    test.skipIf(!has("break"))("breaks a lock and remembers who did, and why", async () => {
      const { store } = await fresh()
      expect(await store.break("production", { by: "admin" })).toEqual([])
      const lease = await acquired(store)
      expect(await store.break("production", { by: "admin@desk", reason: "its runner died" })).toEqual([lease])
      expect(await store.locks()).toMatchObject([
        { leases: [], broken: { by: "admin@desk", reason: "its runner died" } },
      ])
      await expect(store.renew(lease.id, { ttl: 5 })).rejects.toMatchObject({ code: "lease-lost" })
      expect((await acquired(store)).token).toBe(lease.token + 1)
    })
  })

  describe(`${name}: state under a lease`, () => {
    const lock = stateLock("a.json")

    test("lets only the holder write", async () => {
      const { storage, store } = await fresh()
      await store.put("a.json", bytes("one"), { base: "absent", writer })
      const lease = await acquired(store, { lock })
      const other = await storage.open(project)
      const who = has("holder") ? "alice@ci (deploy) since" : " (deploy) since"
      const locked = { code: "state-locked", exit: 6, message: expect.stringContaining(who) }
      await expect(other.put("a.json", bytes("x"), { base: "current", writer })).rejects.toMatchObject(locked)
      await expect(other.rollback("a.json", { to: 1, writer })).rejects.toMatchObject(locked)
      if (has("delete")) await expect(other.delete("a.json", { writer })).rejects.toMatchObject(locked)
      const unrelated = await acquired(other, { lock: "unrelated" })
      await expect(
        other.put("a.json", bytes("x"), { base: "current", writer, lease: unrelated }),
      ).rejects.toMatchObject(locked)
      const child = await acquired(store, { lock: "child", parent: lease.id })
      expect(await store.put("a.json", bytes("two"), { base: 1, writer, lease: child })).toMatchObject({ version: 2 })
      expect(await store.put("a.json", bytes("three"), { base: 2, writer, lease: { id: lease.id } })).toMatchObject({
        version: 3,
      })
      expect(await read(other, "a.json")).toBe("three")
      await store.release(lease.id)
      expect(await other.put("a.json", bytes("four"), { base: 3, writer })).toMatchObject({ version: 4 })
    })

    test("knows no lock by a state file's name, and no state file by a lock's", async () => {
      const { storage, store } = await fresh()
      await store.put("a.json", bytes("one"), { base: "absent", writer })
      const namesake = await acquired(store, { lock: "a.json" })
      const other = await storage.open(project)
      expect(await other.put("a.json", bytes("two"), { base: 1, writer })).toMatchObject({ version: 2 })
      expect(await acquired(other, { lock })).toMatchObject({ lock })
      expect((await store.list()).map(({ name }) => name)).toEqual(["a.json"])
      await store.release(namesake.id)
      await expect(store.put("a.json", bytes("x"), { base: 2, writer })).rejects.toMatchObject({ code: "state-locked" })
    })

    test("knows a lease by its id in capitals", async () => {
      const { store } = await fresh()
      const lease = await acquired(store, { lock })
      const id = lease.id.toUpperCase()
      expect(await store.put("a.json", bytes("one"), { base: "absent", writer, lease: { id } })).toMatchObject({
        version: 1,
      })
      expect((await store.renew(id, { ttl: 60 })).id).toBe(lease.id)
      expect(await acquired(store, { lock, parent: id })).toMatchObject({ lock })
    })

    test("passes no lock with a lease of another project, and is not fenced off by it", async () => {
      const { storage, store } = await fresh()
      const other = await storage.open({ ...project, name: "other-repo" })
      for (let times = 0; times < 3; times += 1) await other.release((await acquired(other, { lock })).id)
      const theirs = await acquired(other, { lock })
      const lease = await acquired(store, { lock })
      await expect(
        store.put("a.json", bytes("x"), { base: "absent", writer, lease: { id: theirs.id } }),
      ).rejects.toMatchObject({ code: "state-locked" })
      expect(await store.put("a.json", bytes("one"), { base: "absent", writer, lease })).toMatchObject({ version: 1 })
      await store.release(lease.id)
      expect(await store.put("a.json", bytes("two"), { base: 1, writer, lease: { id: theirs.id } })).toMatchObject({
        version: 2,
      })
      const next = await acquired(store, { lock })
      expect(await store.put("a.json", bytes("three"), { base: 2, writer, lease: next })).toMatchObject({ version: 3 })
    })

    test("lets a holder write on after a program below it has taken the same lock", async () => {
      const { storage, store } = await fresh()
      const lease = await acquired(store, { lock })
      expect(await store.put("a.json", bytes("one"), { base: "absent", writer, lease })).toMatchObject({ version: 1 })
      const below = await storage.open(project)
      const child = await acquired(below, { lock, parent: lease.id })
      expect(await below.put("a.json", bytes("two"), { base: 1, writer, lease: child })).toMatchObject({ version: 2 })
      await below.release(child.id)
      await expect(below.put("a.json", bytes("x"), { base: 2, writer })).rejects.toMatchObject({ code: "state-locked" })
      expect(await store.put("a.json", bytes("three"), { base: 2, writer, lease })).toMatchObject({ version: 3 })
    })

    test("refuses a lease that is over", async () => {
      const { store } = await fresh()
      const lease = await acquired(store, { lock, ttl: 0.2 })
      await (has("ttl") ? sleep(300) : store.release(lease.id))
      const lost = { code: "lease-lost", exit: 6, hint: expect.stringContaining("nothing was written") }
      await expect(store.put("a.json", bytes("x"), { base: "absent", writer, lease })).rejects.toMatchObject(lost)
      await expect(store.get("a.json", { lease })).rejects.toMatchObject(lost)
      await expect(
        store.put("a.json", bytes("x"), { base: "absent", writer, lease: { id: randomUUID() } }),
      ).rejects.toMatchObject(lost)
      expect(await store.history("a.json")).toBeUndefined()
    })

    test("remembers the newest holder that read a file, also of one that is not there yet", async () => {
      const { store } = await fresh()
      const lease = await acquired(store, { lock })
      expect(await store.get("a.json", { lease })).toBeUndefined()
      expect(await store.history("a.json")).toBeUndefined()
      expect(await store.list()).toEqual([])
      expect(await store.put("a.json", bytes("one"), { base: "absent", writer, lease })).toMatchObject({ version: 1 })
      expect(await textOf((await store.get("a.json", { lease }))?.content ?? bytes(""))).toBe("one")
    })

    test("never lets a write of an old holder land after a new holder has read", async () => {
      const { storage, store } = await fresh()
      await store.put("a.json", bytes("one"), { base: "absent", writer })
      const old = await acquired(store, { lock })
      let slow: (() => void) | undefined
      const paused = new Promise<void>((resolve) => (slow = resolve))
      async function* content(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("from the old holder")
        await paused
      }
      const late = store.put("a.json", content(), { base: 1, writer, lease: old })
      const refused = expect(late).rejects.toMatchObject({ code: "lease-lost" })
      const other = await storage.open(project)
      await (has("break") ? other.break(lock, { by: "admin" }) : other.release(old.id))
      const lease = await acquired(other, { lock })
      expect(await textOf((await other.get("a.json", { lease }))?.content ?? bytes(""))).toBe("one")
      slow?.()
      await refused
      expect(await other.put("a.json", bytes("two"), { base: 1, writer, lease })).toMatchObject({ version: 2 })
    })
  })

  if (lacks.length > 0)
    describe(`${name}: what it lacks, and does not pretend to have`, () => {
      const lacking = (part: Lack, what: string, body: () => Promise<void>): void => {
        if (!has(part)) test(what, body)
      }

      lacking("delete", "a delete", async () => {
        const { store } = await fresh()
        await store.put("a.json", bytes("one"), { base: "absent", writer })
        await expect(store.delete("a.json", { writer })).rejects.toMatchObject(unsupported)
        expect(await read(store, "a.json")).toBe("one")
      })

      lacking("notes", "words on a version: the history shows who sent it, as the server knows", async () => {
        const { store } = await fresh()
        await store.put("a.json", bytes("one"), { base: "absent", writer, message: "first" })
        await store.rollback("a.json", { to: 1, writer, message: "again" })
        const history = (await store.history("a.json")) ?? []
        expect(history.map(({ version }) => version)).toEqual([2, 1])
        for (const version of history) {
          expect(version.writer.by).not.toBe("")
          expect(version).not.toHaveProperty("message")
          expect(version).not.toHaveProperty("rollbackOf")
        }
      })

      lacking("lock list", "a list of locks", async () => {
        const { store } = await fresh()
        await expect(store.locks()).rejects.toMatchObject(unsupported)
      })

      lacking("break", "a way to break a lock", async () => {
        const { store } = await fresh()
        const lease = await acquired(store)
        await expect(store.break("production", { by: "admin" })).rejects.toMatchObject(unsupported)
        await store.release(lease.id)
      })

      lacking("ttl", "leases of any length: it says itself how long one lasts", async () => {
        const { store } = await fresh()
        const short = await acquired(store, { lock: "short", ttl: 1 })
        const long = await acquired(store, { lock: "long", ttl: 86_400 })
        expect(Math.abs(Date.parse(long.expires) - Date.parse(short.expires))).toBeLessThan(5_000)
        expect(Date.parse(short.acquired)).toBeLessThan(Date.parse(short.expires))
      })

      lacking("fencing", "fencing tokens", async () => {
        const { store } = await fresh()
        const first = await acquired(store)
        await store.release(first.id)
        expect([first.token, (await acquired(store)).token]).toEqual([0, 0])
      })

      lacking("queue", "a count of those who wait", async () => {
        const { store } = await fresh()
        await acquired(store)
        for (const waiter of [request({ queue: true }), request({ queue: true })])
          expect(await store.acquire(waiter)).toMatchObject({ outcome: "blocked", ahead: 0 })
      })

      lacking("holder", "what was asked for a lease, when another program asks again", async () => {
        const { storage, store } = await fresh()
        const lease = await acquired(store)
        const renewed = await (await storage.open(project)).renew(lease.id, { ttl: 30 })
        expect(renewed).toMatchObject({ id: lease.id, holder: { by: "unknown" } })
      })
    })
}
