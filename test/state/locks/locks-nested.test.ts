import { randomUUID } from "node:crypto"
import { describe, expect, test } from "vitest"
import { stateLock } from "../../../src/state/names.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import type { ObjectStore } from "../../../src/state/objects.ts"
import type { Lease, LeaseId, LeaseRequest, Project, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { memoryObjects } from "../support/memory.ts"

const writer = { by: "alice" }
const lock = stateLock("a.json")
const lost = { code: "lease-lost", exit: 6 }
const locked = { code: "state-locked", exit: 6 }

const ask = (store: StateStore, more: Partial<LeaseRequest> = {}) =>
  store.acquire({
    lock,
    exclusive: true,
    description: "",
    holder: writer,
    ttl: 60,
    idempotencyKey: randomUUID(),
    queue: false,
    ...more,
  })

async function acquire(store: StateStore, more: Partial<LeaseRequest> = {}): Promise<Lease> {
  const answer = await ask(store, more)
  if (answer.outcome !== "acquired") throw new Error(`blocked by ${JSON.stringify(answer)}`)
  return answer.lease
}

const put = async (store: StateStore, lease?: LeaseId): Promise<number> =>
  (await store.put("a.json", bytes("x"), { base: "current", writer, ...(lease !== undefined && { lease }) })).version

/** Opens the same storage again and again, as several programs do. */
function storage(clock = () => 0) {
  const objects = memoryObjects({ clock })
  return (where: Project = project, changed: Partial<ObjectStore> = {}): StateStore & Pick<ObjectStore, "swap"> => ({
    ...createStateStore({ objects: { ...objects, ...changed }, project: where }),
    swap: objects.swap,
  })
}

describe.each([
  ["the state file's own lock", lock],
  ["another lock", "production"],
])("inside a holder of %s", (_, name) => {
  test("a program takes the same lock, reads and writes, and the holder writes on", async () => {
    const open = storage()
    const [outer, inner, stranger] = [open(), open(), open()]
    const parent = await acquire(outer, { lock: name })
    expect(await put(outer, parent)).toBe(1)
    const child = await acquire(inner, { lock: name, parent: parent.id })
    await inner.get("a.json", { lease: child })
    expect(await put(inner, child)).toBe(2)
    expect(await put(outer, parent)).toBe(3)
    expect(await put(inner, child)).toBe(4)
    await inner.release(child.id)
    expect(await put(outer, parent)).toBe(5)
    await expect(put(inner, child)).rejects.toMatchObject(lost)
    expect(await ask(stranger, { lock: name })).toMatchObject({ outcome: "blocked", by: [{ id: parent.id }] })
    if (name === lock) await expect(put(stranger)).rejects.toMatchObject(locked)
    await outer.release(parent.id)
    const next = await acquire(stranger, { lock: name })
    await stranger.get("a.json", { lease: next })
    await expect(put(outer, parent)).rejects.toMatchObject(lost)
    expect(await put(stranger, next)).toBe(6)
  })

  test("of a shared one, too", async () => {
    const open = storage()
    const store = open()
    const parent = await acquire(store, { lock: name, exclusive: false })
    const child = await acquire(open(), { lock: name, parent: parent.id })
    expect(await put(open(), child)).toBe(1)
    expect(await put(store, parent)).toBe(2)
  })

  test("a write of a program that lost its lease never lands after its sibling has read", async () => {
    let now = 0
    const open = storage(() => now)
    const parent = await acquire(open(), { lock: name, ttl: 1000 })
    const { swap } = open()
    let resume = (): void => {}
    let pause: Promise<void> | undefined
    let stand = (): void => {}
    const standing = new Promise<void>((resolve) => (stand = resolve))
    const first = open(project, {
      swap: async (key, change) => {
        if (pause !== undefined) stand()
        await pause
        return swap(key, change)
      },
    })
    const old = await acquire(first, { lock: name, parent: parent.id, ttl: 10 })
    expect(await put(first, old)).toBe(1)
    pause = new Promise((resolve) => (resume = resolve))
    const refused = expect(put(first, old)).rejects.toMatchObject(lost)
    // It has looked at the head and at its lease by now.
    await standing
    now = 20_000
    const second = open()
    const lease = await acquire(second, { lock: name, parent: parent.id })
    const read = await second.get("a.json", { lease })
    expect(await textOf(read?.content ?? bytes(""))).toBe("x")
    resume()
    await refused
    expect(await put(second, lease)).toBe(2)
  })
})

describe("a lease of another project", () => {
  const elsewhere: Project = { ...project, name: "other-repo" }

  test("is none in this one: it passes no lock, and leaves no token", async () => {
    const open = storage()
    const [ours, theirs] = [open(), open(elsewhere)]
    for (let times = 0; times < 5; times += 1) await theirs.release((await acquire(theirs)).id)
    const bob = await acquire(theirs)
    const alice = await acquire(ours)
    await expect(put(ours, bob)).rejects.toMatchObject(locked)
    expect(await put(ours, alice)).toBe(1)
    await ours.get("a.json", { lease: bob })
    expect(await put(ours, alice)).toBe(2)
    await ours.release(alice.id)
    expect(await put(ours, bob)).toBe(3)
    expect(await put(ours, await acquire(ours))).toBe(4)
  })

  test("must be held all the same", async () => {
    const open = storage()
    const theirs = open(elsewhere)
    const bob = await acquire(theirs, { lock: "production" })
    expect(await put(open(), bob)).toBe(1)
    await theirs.release(bob.id)
    await expect(put(open(), bob)).rejects.toMatchObject(lost)
    await expect(open().get("a.json", { lease: bob })).rejects.toMatchObject(lost)
    await expect(ask(open(), { parent: bob.id })).rejects.toMatchObject(lost)
  })

  test("may stand between a lease and its ancestor", async () => {
    const open = storage()
    const outer = await acquire(open())
    const between = await acquire(open(elsewhere), { parent: outer.id })
    const inner = await acquire(open(), { parent: between.id })
    expect(await put(open(), inner)).toBe(1)
  })
})

test("a lease id is the same in capitals", async () => {
  const open = storage()
  const store = open()
  const { id } = await acquire(store)
  const typed = id.toUpperCase()
  expect(await put(store, { id: typed })).toBe(1)
  expect(await store.renew(typed, { ttl: 90 })).toMatchObject({ id })
  const child = await acquire(open(), { parent: typed })
  expect(child.parent).toBe(id)
  expect(await put(store, { id: typed })).toBe(2)
  await store.release(child.id.toUpperCase())
  expect(await store.break(lock, { by: "admin", leases: [{ id: typed }] })).toMatchObject([{ id }])
  await expect(store.release(typed)).rejects.toMatchObject(lost)
})

test("a break of leases that are named ends no other", async () => {
  const store = storage()()
  const first = await acquire(store, { exclusive: false })
  const second = await acquire(store, { exclusive: false })
  expect(await store.break(lock, { by: "admin", leases: [first] })).toEqual([first])
  expect(await store.break(lock, { by: "admin", leases: [first] })).toEqual([])
  await expect(store.release(first.id)).rejects.toMatchObject(lost)
  await store.release(second.id)
})

test("a parent may write beside its child, and no other relative", async () => {
  const open = storage()
  const parent = await acquire(open(), { lock: "production" })
  const sibling = await acquire(open(), { lock: "other", parent: parent.id })
  const child = await acquire(open(), { parent: parent.id })
  expect(await put(open(), parent)).toBe(1)
  await expect(put(open(), sibling)).rejects.toMatchObject(locked)
  expect(await put(open(), child)).toBe(2)
})
