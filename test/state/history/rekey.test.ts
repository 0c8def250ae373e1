import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import type { Encryption } from "../../../src/state/encryption/encryption.ts"
import { stateLock } from "../../../src/state/names.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import type { ObjectStore } from "../../../src/state/objects.ts"
import { assertCanRekey, planRekey, rekeyState, type Rekeyed } from "../../../src/state/history/rekey.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { memoryObjects } from "../support/memory.ts"
import { countingOpen } from "../support/open-contents.ts"

const [alice, bob] = await Promise.all([keyPair(), keyPair()])
const writer = { by: "alice@ci" }
const forAlice = await encryptionFor({ recipients: [alice], identities: [alice] })
const forBob = await encryptionFor({ recipients: [bob], identities: [alice, bob] })
const onlyBob = await encryptionFor({ identities: [bob] })
const name = "a.json"
const toBob = { name, encryption: forBob, inClear: false }

type World = {
  readonly objects: ObjectStore
  store(encryption?: Encryption): StateStore
  lease(): Promise<Lease>
}

/** Version 1 in clear, 2 encrypted, 3 a rollback to 2, 4 a delete, 5 pinned or not, whatever the tests add. */
async function world(): Promise<World & { readonly root: string }> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  return { root, ...(await filled(openFileStore(url))) }
}

async function filled(objects: ObjectStore): Promise<World> {
  const store = (encryption?: Encryption): StateStore => createStateStore({ objects, project, encryption })
  await store().put(name, bytes("planted one"), { base: "absent", writer, message: "first" })
  await store(forAlice).put(name, bytes("planted two"), { base: 1, writer })
  await store().rollback(name, { to: 2, writer })
  await store().delete(name, { writer })
  await store(forAlice).put(name, bytes(""), { base: "absent", writer })
  const lease = async (): Promise<Lease> => {
    const answer = await store().acquire({
      lock: stateLock(name),
      exclusive: true,
      description: "rekey",
      holder: writer,
      ttl: 60,
      idempotencyKey: "rekey",
      queue: false,
    })
    if (answer.outcome !== "acquired") throw new Error("blocked")
    return answer.lease
  }
  return { objects, store, lease }
}

async function contents(store: StateStore): Promise<readonly (string | undefined)[]> {
  return Promise.all(
    [1, 2, 3, 4, 5].map(async (version) => {
      const found = await store.get(name, { version })
      return found === undefined ? undefined : textOf(found.content)
    }),
  )
}

const all = ["planted one", "planted two", "planted two", undefined, ""]

async function blobs(root: string): Promise<readonly Buffer[]> {
  const files = (await readdir(root, { recursive: true })).filter((path) => /\/blobs\/[^/]+$/.test(path))
  return Promise.all(files.map((path) => readFile(join(root, path))))
}

test("every kept version is encrypted anew, and nothing else of it changes", async () => {
  const { objects, root, store, lease } = await world()
  const before = (await store().history(name)) ?? []
  const expected: Rekeyed = { name, changed: [1, 2, 3, 5], unchanged: 0 }
  expect(await planRekey({ objects, project }, toBob)).toEqual(expected)
  expect(await store().history(name)).toEqual(before)
  expect(await rekeyState({ objects, project }, { ...toBob, lease: await lease() })).toEqual(expected)

  expect(await contents(store(onlyBob))).toEqual(all)
  await expect(contents(store(forAlice))).rejects.toMatchObject({ code: "state-identity-missing" })
  const after = (await store().history(name)) ?? []
  const known = ({ version, created, message, rollbackOf, deleted }: (typeof after)[number]) => ({
    version,
    created,
    message,
    rollbackOf,
    deleted,
  })
  expect(after.map(known)).toEqual(before.map(known))
  expect(after.map(({ encrypted }) => encrypted?.recipients)).toEqual([
    [bob.recipient],
    undefined,
    [bob.recipient],
    [bob.recipient],
    [bob.recipient],
  ])
  // A rollback still shares its content, and the old contents are gone.
  const stored = await blobs(root)
  expect(stored.length).toBe(3)
  expect(Buffer.concat(stored).includes("planted")).toBe(false)
  expect(await planRekey({ objects, project }, toBob)).toEqual({ name, changed: [], unchanged: 4 })
})

test("in clear, everything is decrypted, and nothing insists on encryption any more", async () => {
  const { objects, root, store, lease } = await world()
  const options = { name, encryption: forAlice, inClear: true, lease: await lease() }
  expect(await rekeyState({ objects, project }, options)).toEqual({ name, changed: [2, 3, 5], unchanged: 1 })
  expect(await contents(store())).toEqual(all)
  expect(Buffer.concat(await blobs(root)).includes("age-encryption")).toBe(false)
  await store().release(options.lease.id)
  expect(await store().put(name, bytes("six"), { base: 5, writer })).toMatchObject({ version: 6 })
})

test("stopped at any step, every version is whole, and the next rekey finishes", async () => {
  for (let stop = 1; ; stop += 1) {
    const { objects, store, lease } = await filled(memoryObjects())
    const held = await lease()
    let steps = 0
    const step = async <T>(work: () => Promise<T>): Promise<T> => {
      steps += 1
      if (steps === stop) throw new Error("stopped")
      return work()
    }
    const failing: ObjectStore = {
      ...objects,
      read: (key) => step(() => objects.read(key)),
      swap: (key, change) => step(() => objects.swap(key, change)),
      writeBlob: (folder, blob) => step(() => objects.writeBlob(folder, blob)),
      readBlob: (folder, blob) => step(() => objects.readBlob(folder, blob)),
      removeBlob: (folder, blob) => step(() => objects.removeBlob(folder, blob)),
    }
    const options = { ...toBob, lease: held }
    const outcome = await rekeyState({ objects: failing, project }, options).catch((error: unknown) => error)
    expect(await contents(store(forBob))).toEqual(all)
    if (steps < stop) {
      expect(outcome).toMatchObject({ changed: [1, 2, 3, 5] })
      expect(stop).toBeGreaterThan(15)
      return
    }
    expect(outcome).toMatchObject({ message: "stopped" })
    await rekeyState({ objects, project }, options)
    expect(await contents(store(onlyBob))).toEqual(all)
  }
})

test("when a later version cannot be done, the old contents of those that are done are gone all the same", async () => {
  const { objects, root, store, lease } = await world()
  const encryption = await encryptionFor({ recipients: [bob], identities: [bob] })
  await expect(
    rekeyState({ objects, project }, { name, encryption, inClear: false, lease: await lease() }),
  ).rejects.toMatchObject({ code: "state-identity-missing", message: expect.stringContaining("version 2 of") })
  expect((await store().history(name))?.at(-1)).toMatchObject({ encrypted: { recipients: [bob.recipient] } })
  expect(Buffer.concat(await blobs(root)).includes("planted one")).toBe(false)
  expect((await blobs(root)).length).toBe(3)
})

test("a swap that landed but was told as lost is recognised", async () => {
  const { objects, store, lease } = await world()
  const held = await lease()
  let lost = 0
  const unsure: ObjectStore = {
    ...objects,
    swap: async (key, change) => {
      const tag = await objects.swap(key, change)
      lost += 1
      return lost % 2 === 1 ? undefined : tag
    },
  }
  await rekeyState({ objects: unsure, project }, { ...toBob, lease: held })
  expect(lost).toBeGreaterThan(2)
  expect(await contents(store(onlyBob))).toEqual(all)
})

test("a content that is read back otherwise is not named", async () => {
  const { objects, root, store, lease } = await world()
  const before = await store().history(name)
  const count = (await blobs(root)).length
  const wrong: Encryption = { ...forBob, encrypt: () => forBob.encrypt(bytes("something else")) }
  await expect(
    rekeyState({ objects, project }, { name, encryption: wrong, inClear: false, lease: await lease() }),
  ).rejects.toMatchObject({
    code: "rekey-unverified",
    exit: 1,
    message: 'version 1 of "a.json" was encrypted anew, but read back otherwise than it was written',
  })
  expect(await store().history(name)).toEqual(before)
  expect((await blobs(root)).length).toBe(count)
  expect(await contents(store(forAlice))).toEqual(all)
})

test("a version that nobody here can read stops it, before anything of it is changed", async () => {
  const { objects, store, lease } = await world()
  const encryption = await encryptionFor({ recipients: [bob], identities: [bob] })
  await expect(
    rekeyState({ objects, project }, { name, encryption, inClear: false, lease: await lease() }),
  ).rejects.toMatchObject({ code: "state-identity-missing", message: expect.stringContaining("version 2 of") })
  expect(await contents(store(forBob))).toEqual(all)
})

test("a content that cannot be stored anew is not left open", async () => {
  const { objects: all, lease } = await world()
  const { objects, open } = countingOpen({
    ...all,
    writeBlob: async () => {
      throw new Error("the disk is full")
    },
  })
  const held = await lease()
  await expect(rekeyState({ objects, project }, { ...toBob, lease: held })).rejects.toThrow("the disk is full")
  await expect(
    rekeyState({ objects, project }, { name, encryption: undefined, inClear: true, lease: held }),
  ).rejects.toMatchObject({ code: "state-identity-missing" })
  expect(open()).toBe(0)
})

test("without the lock, or with one that is lost, nothing is changed", async () => {
  const { objects, store, lease } = await world()
  const held = await lease()
  await store().break(stateLock(name), { by: "admin" })
  await expect(rekeyState({ objects, project }, { ...toBob, lease: held })).rejects.toMatchObject({
    code: "lease-lost",
  })
  expect(await planRekey({ objects, project }, toBob)).toMatchObject({ unchanged: 0 })
})

test("a reader who saw the old content named gets the new one", async () => {
  const { objects, lease } = await world()
  const held = await lease()
  let isFirst = true
  const slow: ObjectStore = {
    ...objects,
    readBlob: async (folder, blob) => {
      if (isFirst) {
        isFirst = false
        await rekeyState({ objects, project }, { ...toBob, lease: held })
      }
      return objects.readBlob(folder, blob)
    },
  }
  const reader = createStateStore({ objects: slow, project, encryption: forBob })
  const found = await reader.get(name, { version: 1 })
  expect(found?.version.encrypted).toEqual({ recipients: [bob.recipient] })
  expect(await textOf(found?.content ?? bytes(""))).toBe("planted one")
})

test("a content that is pruned meanwhile leaves nothing behind", async () => {
  const { objects, root, store, lease } = await world()
  const held = await lease()
  const { pruneState } = await import("../../../src/state/history/prune.ts")
  let isFirst = true
  const slow: ObjectStore = {
    ...objects,
    writeBlob: async (folder, blob) => {
      const written = await objects.writeBlob(folder, blob)
      if (isFirst) {
        isFirst = false
        await pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease: held })
      }
      return written
    },
  }
  await rekeyState({ objects: slow, project }, { ...toBob, lease: held }).catch(() => {})
  await rekeyState({ objects, project }, { ...toBob, lease: held })
  expect((await store().history(name))?.map(({ version }) => version)).toEqual([5])
  expect((await blobs(root)).length).toBe(1)
})

test("what nobody here could verify is not begun", async () => {
  const missing = { code: "rekey-recipients-missing", exit: 2, hint: expect.stringContaining("--in-clear") }
  await expect(assertCanRekey({ encryption: undefined, inClear: false })).rejects.toMatchObject(missing)
  await expect(assertCanRekey({ encryption: onlyBob, inClear: false })).rejects.toMatchObject(missing)
  const blind = await encryptionFor({ recipients: [bob], identities: [alice] })
  await expect(assertCanRekey({ encryption: blind, inClear: false })).rejects.toMatchObject({
    code: "rekey-unverifiable",
    exit: 2,
    message:
      "none of the identities here could read what is encrypted for these recipients, so it could not be verified",
  })
  await assertCanRekey({ encryption: forBob, inClear: false })
  await assertCanRekey({ encryption: undefined, inClear: true })
})
