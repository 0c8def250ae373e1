import { readdir, utimes } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, onTestFinished, test } from "vitest"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { stateKeys } from "../../../src/state/keys.ts"
import { stateLock } from "../../../src/state/names.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import type { ObjectStore } from "../../../src/state/objects.ts"
import { pinState } from "../../../src/state/history/pin.ts"
import { planPrune, pruneState } from "../../../src/state/history/prune.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"

const name = "a.json"
const writer = { by: "alice@ci" }

type Place = {
  readonly objects: ObjectStore
  readonly store: StateStore
  readonly lease: Lease
  /** The names of the contents on the disk. */
  readonly blobs: () => Promise<readonly string[]>
  readonly folder: string
}

/** Five versions, the last of which is the content of the second again, and a lease on the file. */
async function fiveVersions(): Promise<Place> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  const objects = openFileStore(url)
  const store = createStateStore({ objects, project })
  for (const text of ["one", "twotwo", "three", "four"]) await store.put(name, bytes(text), { base: "current", writer })
  await store.rollback(name, { to: 2, writer })
  const folder = join(root, ...stateKeys(project, name).blobs.split("/"))
  return { objects, store, folder, blobs: () => readdir(folder), lease: await hold(store) }
}

async function hold(store: StateStore): Promise<Lease> {
  const request = { lock: stateLock(name), exclusive: true, description: "", holder: writer, ttl: 60 }
  const answer = await store.acquire({ ...request, idempotencyKey: "one", queue: false })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

async function versionsOf(store: StateStore): Promise<readonly number[] | undefined> {
  return (await store.history(name))?.map(({ version }) => version)
}

describe("pruneState", () => {
  test("removes versions and their contents, and says what that freed", async () => {
    const { objects, store, lease, blobs } = await fiveVersions()
    const at = { objects, project }
    const plan = await planPrune(at, { name, retention: { keepLast: 2 } })
    expect(plan.removed.map(({ version }) => version)).toEqual([1, 2, 3])
    expect(plan.bytes).toBe("one".length + "three".length)
    expect(await versionsOf(store)).toEqual([5, 4, 3, 2, 1])

    expect(await pruneState(at, { name, retention: { keepLast: 2 }, lease })).toEqual(plan)
    expect(await versionsOf(store)).toEqual([5, 4])
    expect((await blobs()).map((blob) => blob[0]).toSorted()).toEqual(["2", "4"])
    expect(await textOf((await store.get(name))?.content ?? bytes(""))).toBe("twotwo")
    expect(await store.get(name, { version: 2 })).toBeUndefined()
    await expect(store.rollback(name, { to: 2, writer, lease })).rejects.toMatchObject({
      code: "state-version-absent",
      message: 'version 2 of "a.json" was pruned',
    })
    expect(await store.put(name, bytes("six"), { base: 5, writer, lease })).toMatchObject({ version: 6 })
    expect(await pruneState(at, { name, retention: { keepLast: 9 }, lease })).toEqual({ name, removed: [], bytes: 0 })
  })

  test("plans nothing for a file that is not there", async () => {
    const { objects } = await fiveVersions()
    const retention = { keepLast: 1 }
    expect(await planPrune({ objects, project }, { name: "none", retention })).toMatchObject({ removed: [] })
  })

  test("refuses without the lock, and changes nothing", async () => {
    const { objects, store, lease, blobs } = await fiveVersions()
    await store.break(lease.lock, { by: "admin" })
    const pruning = pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease })
    await expect(pruning).rejects.toMatchObject({ code: "lease-lost" })
    expect(await versionsOf(store)).toHaveLength(5)
    expect(await blobs()).toHaveLength(4)
  })

  test("keeps what somebody pins in between", async () => {
    const { objects, store, lease, blobs } = await fiveVersions()
    let isFirst = true
    const slow: ObjectStore = {
      ...objects,
      async swap(key, change) {
        if (isFirst) {
          isFirst = false
          await pinState({ objects, project }, { name, version: 3, pin: { by: "bob" } })
        }
        return objects.swap(key, change)
      },
    }
    const pruned = await pruneState({ objects: slow, project }, { name, retention: { keepLast: 1 }, lease })
    expect(pruned.removed.map(({ version }) => version)).toEqual([1, 2, 4])
    expect(await versionsOf(store)).toEqual([5, 3])
    expect(await blobs()).toHaveLength(2)
    expect(await textOf((await store.get(name, { version: 3 }))?.content ?? bytes(""))).toBe("three")
  })

  test("removes the contents also when its swap landed and nobody could tell", async () => {
    const { objects, store, lease, blobs } = await fiveVersions()
    let isFirst = true
    const doubtful: ObjectStore = {
      ...objects,
      async swap(key, change) {
        const tag = await objects.swap(key, change)
        if (!isFirst) return tag
        isFirst = false
        return undefined
      },
    }
    const pruned = await pruneState({ objects: doubtful, project }, { name, retention: { keepLast: 1 }, lease })
    expect(pruned).toMatchObject({
      removed: [{ version: 1 }, { version: 2 }, { version: 3 }, { version: 4 }],
      bytes: 12,
    })
    expect(await versionsOf(store)).toEqual([5])
    expect(await blobs()).toHaveLength(1)
  })

  test("takes the head first: contents that cannot be removed are named by nothing, and go when they are old", async () => {
    const { objects, store, lease, blobs, folder } = await fiveVersions()
    const stubborn: ObjectStore = { ...objects, removeBlob: () => Promise.reject(new Error("refused")) }
    const pruning = pruneState({ objects: stubborn, project }, { name, retention: { keepLast: 1 }, lease })
    await expect(pruning).rejects.toThrow("refused")
    expect(await versionsOf(store)).toEqual([5])
    expect(await blobs()).toHaveLength(4)

    await pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease })
    expect(await blobs()).toHaveLength(4)
    const longAgo = new Date(Date.now() - 25 * 3600_000)
    for (const blob of await blobs()) await utimes(join(folder, blob), longAgo, longAgo)
    await pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease })
    expect(await blobs()).toHaveLength(1)
    expect(await textOf((await store.get(name))?.content ?? bytes(""))).toBe("twotwo")
  })
})

test("whoever reads while others put and prune gets the whole of some version", async () => {
  const { url, remove } = await fileStorage()
  onTestFinished(remove)
  const open = (): StateStore => createStateStore({ objects: openFileStore(url), project })
  const text = (count: number): string => `${count} `.repeat(500)
  await open().put(name, bytes(text(0), 1000), { base: "absent", writer })
  const done = new AbortController()
  const put = async (): Promise<void> => {
    const store = open()
    for (let count = 1; count <= 15;) {
      const putting = store.put(name, bytes(text(count), 1000), { base: "current", writer })
      const isPut = await putting.then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: "state-locked" })
          return false
        },
      )
      if (isPut) count += 1
    }
    done.abort()
  }
  const prune = async (): Promise<number> => {
    let removed = 0
    while (!done.signal.aborted) {
      const store = open()
      const lease = await hold(store)
      const at = { objects: openFileStore(url), project }
      removed += (await pruneState(at, { name, retention: { keepLast: 1 }, lease })).removed.length
      await store.release(lease.id)
      // Puts have their turn.
      await sleep(20)
    }
    return removed
  }
  const read = async (): Promise<void> => {
    const store = open()
    for (let last = 0; !done.signal.aborted;) {
      const found = await store.get(name)
      const content = await textOf(found?.content ?? bytes("absent"))
      const count = Number.parseInt(content, 10)
      expect(content).toBe(text(count))
      expect(count).toBeGreaterThanOrEqual(last)
      last = count
    }
  }
  const [, removed] = await Promise.all([put(), prune(), read()])
  expect(removed).toBeGreaterThan(5)
})

describe("pinState", () => {
  test("says who and when, without a lease and while somebody holds one", async () => {
    const { objects, store, lease } = await fiveVersions()
    const at = { objects, project }
    const pinned = await pinState(at, { name, version: 1, pin: { by: "bob", reason: "before the move" } })
    expect(pinned).toMatchObject({ version: 1, pinned: { by: "bob", reason: "before the move" } })
    expect(Math.abs(Date.parse(pinned.pinned?.at ?? "") - Date.now())).toBeLessThan(5_000)
    expect((await store.history(name))?.at(-1)).toEqual(pinned)
    expect(await store.put(name, bytes("six"), { base: 5, writer, lease })).toMatchObject({ version: 6 })
    await pruneState(at, { name, retention: { keepLast: 1 }, lease })
    expect(await versionsOf(store)).toEqual([6, 1])
    expect(await pinState(at, { name, version: 1 })).not.toHaveProperty("pinned")
    await pruneState(at, { name, retention: { keepLast: 1 }, lease })
    expect(await versionsOf(store)).toEqual([6])
    await expect(pinState(at, { name, version: 1 })).rejects.toMatchObject({ code: "state-version-absent" })
  })
})
