import { expect, test } from "vitest"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import type { ObjectStore } from "../../../src/state/objects.ts"
import { stateLock } from "../../../src/state/names.ts"
import type { Lease, LeaseRequest, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes } from "../support/content.ts"
import { memoryObjects } from "../support/memory.ts"

const writer = { by: "alice" }

/** Counts what is asked of the storage while `act` runs. */
async function counted(act: (store: StateStore) => Promise<unknown>, before: (store: StateStore) => Promise<unknown>) {
  const asked: string[] = []
  const memory = memoryObjects()
  const note = (what: string, key: string): void =>
    void asked.push(`${what} ${key.split("/").at(-1) === "head" ? "head" : "lock"}`)
  const objects: ObjectStore = {
    ...memory,
    read: (key) => (note("read", key), memory.read(key)),
    swap: (key, change) => (note("swap", key), memory.swap(key, change)),
  }
  await before(createStateStore({ objects, project }))
  asked.length = 0
  await act(createStateStore({ objects, project }))
  return asked
}

const put = (store: StateStore) => store.put("a.json", bytes("x"), { base: "current", writer })
const acquire = async (store: StateStore, more: Partial<LeaseRequest> = {}): Promise<Lease> => {
  const answer = await store.acquire({
    lock: stateLock("a.json"),
    exclusive: true,
    description: "",
    holder: writer,
    ttl: 60,
    idempotencyKey: "key",
    queue: false,
    ...more,
  })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

test("a writer without a lease looks at the lock only when somebody may hold it, and says when nobody does", async () => {
  expect(await counted(put, put)).toEqual(["read head", "swap head"])
  const lockedOnce = async (store: StateStore): Promise<void> => {
    await put(store)
    await store.release((await acquire(store)).id)
  }
  expect(await counted(put, lockedOnce)).toEqual(["read head", "read lock", "swap head"])
  expect(await counted(put, async (store) => (await lockedOnce(store), put(store)))).toEqual(["read head", "swap head"])
})

test("a holder is known to writers without a lease as soon as it has the lock, read or not", async () => {
  const objects = memoryObjects()
  await acquire(createStateStore({ objects, project }))
  await expect(put(createStateStore({ objects, project }))).rejects.toMatchObject({ code: "state-locked" })
})

test("a program that took the lock and read the head goes on from there", async () => {
  const act = async (store: StateStore): Promise<void> => {
    const lease = await acquire(store)
    await store.put("a.json", bytes("y"), { base: 1, writer, lease })
    await store.release(lease.id)
  }
  expect(await counted(act, put)).toEqual([
    // Acquired, and told to writers without a lease.
    "read lock",
    "swap lock",
    "read head",
    "swap head",
    // Put.
    "read lock",
    "swap head",
    // Released.
    "swap lock",
  ])
})

test("a lease below others of the same program costs one look at its parent, and a write under it no more than any", async () => {
  const act = async (store: StateStore): Promise<void> => {
    const first = await acquire(store, { lock: "first" })
    const second = await acquire(store, { lock: "second", parent: first.id })
    const lease = await acquire(store, { parent: second.id })
    await store.put("a.json", bytes("y"), { base: 1, writer, lease })
  }
  expect(await counted(act, put)).toEqual([
    // The first.
    "read lock",
    "swap lock",
    // The second, after a look at the first.
    "read lock",
    "read lock",
    "swap lock",
    // The state file's own, after a look at the second, and told to writers without a lease.
    "read lock",
    "read lock",
    "swap lock",
    "read head",
    "swap head",
    // Put.
    "read lock",
    "swap head",
  ])
})
