import { createHash } from "node:crypto"
import { readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { copyProject, type Copy } from "../../../src/state/history/copy.ts"
import { objectsSource } from "../../../src/state/history/copy-source.ts"
import { stateKeys } from "../../../src/state/keys.ts"
import { stateLock } from "../../../src/state/names.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { openObjects } from "../../../src/state/open.ts"
import type { ObjectStore } from "../../../src/state/objects.ts"
import { pinState } from "../../../src/state/history/pin.ts"
import { pruneState } from "../../../src/state/history/prune.ts"
import { rekeyState } from "../../../src/state/history/rekey.ts"
import type { LeaseId, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { countingOpen } from "../support/open-contents.ts"
import { s3Storage } from "../support/s3-storage.ts"

const writer = { by: "alice@ci", rev: "0123abc", runUrl: "https://ci.example/runs/1" }

type Place = { readonly objects: ObjectStore; readonly store: StateStore; readonly root: string }

async function place(): Promise<Place> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  const objects = await openObjects(url)
  return { objects, store: createStateStore({ objects, project }), root }
}

async function s3Place(): Promise<Pick<Place, "objects" | "store">> {
  const { url, env, remove } = await s3Storage()
  onTestFinished(remove)
  const objects = await openObjects(url, { env })
  return { objects, store: createStateStore({ objects, project }) }
}

/** Two state files: one with all kinds of versions, one that is deleted. */
async function fill({ objects, store }: Pick<Place, "objects" | "store">): Promise<void> {
  await store.put("a.json", bytes("one"), { base: "absent", writer, message: "first" })
  await store.put("a.json", bytes("two".repeat(100_000), 65_536), { base: 1, writer: { by: "bob" } })
  await store.rollback("a.json", { to: 1, writer, message: "two was wrong" })
  await store.put("b c", bytes(""), { base: "absent", writer })
  await store.delete("b c", { writer })
  await pinState({ objects, project }, { name: "a.json", version: 2, pin: { by: "carol", reason: "look at it" } })
}

/** How a copy holds the target's locks: as the command does, without waiting or renewing. */
function holding({ store }: Pick<Place, "store">): Copy["hold"] {
  return async (name, act) => {
    const request = { lock: stateLock(name), exclusive: true, description: "copy", holder: writer, ttl: 60 }
    const answer = await store.acquire({ ...request, idempotencyKey: name, queue: false })
    if (answer.outcome !== "acquired") throw new Error(`${name} is held by somebody else`)
    try {
      return await act(answer.lease)
    } finally {
      await store.release(answer.lease.id)
    }
  }
}

const copy = (from: Pick<Place, "objects">, to: Pick<Place, "objects" | "store">, more: Partial<Copy> = {}) =>
  copyProject({
    from: objectsSource({ objects: from.objects, project }),
    to: to.objects,
    project,
    hold: holding(to),
    ...more,
  })

async function contents({ store }: Pick<Place, "store">, name: string): Promise<readonly (string | undefined)[]> {
  const texts = []
  for (const { version } of (await store.history(name)) ?? []) {
    const found = await store.get(name, { version })
    texts.push(found === undefined ? undefined : digest(await textOf(found.content)))
  }
  return texts
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex")

const blobFolder = ({ root }: Place, name: string): string => join(root, ...stateKeys(project, name).blobs.split("/"))

async function expectSame(from: Pick<Place, "store">, to: Pick<Place, "store">): Promise<void> {
  for (const name of ["a.json", "b c"]) {
    expect(await to.store.history(name)).toEqual(await from.store.history(name))
    expect(await contents(to, name)).toEqual(await contents(from, name))
  }
  expect(await to.store.list()).toEqual(await from.store.list())
}

describe("copyProject", () => {
  test("copies all versions with their numbers, times, writers and pins, and goes on as a store of its own", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    const told: string[] = []
    expect(await copy(from, to, { onCopied: ({ name }) => told.push(name) })).toEqual([
      { name: "a.json", copied: [1, 2, 3], bytes: 300_003, versions: 3 },
      { name: "b c", copied: [1, 2], bytes: 0, versions: 2 },
    ])
    expect(told.toSorted()).toEqual(["a.json", "b c"])
    await expectSame(from, to)
    // The rollback shares its content, there too.
    expect(await readdir(blobFolder(to, "a.json"))).toHaveLength(2)
    expect(await to.store.put("a.json", bytes("four"), { base: 3, writer })).toMatchObject({ version: 4 })
    expect((await to.store.locks()).flatMap(({ leases }) => leases)).toEqual([])
  })

  test("copies only what is new the next time, and writes nothing when there is nothing", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    await copy(from, to)
    const never: Copy["hold"] = () => Promise.reject(new Error("locked for nothing"))
    const still: ObjectStore = { ...to.objects, swap: () => Promise.reject(new Error("written for nothing")) }
    expect(await copy(from, { ...to, objects: still }, { hold: never })).toEqual([
      { name: "a.json", copied: [], bytes: 0, versions: 3 },
      { name: "b c", copied: [], bytes: 0, versions: 2 },
    ])
    await from.store.put("a.json", bytes("four"), { base: 3, writer })
    expect(await copy(from, to)).toMatchObject([{ copied: [4], bytes: 4, versions: 4 }, { copied: [] }])
    await pinState({ objects: from.objects, project }, { name: "a.json", version: 1, pin: { by: "carol" } })
    expect(await copy(from, to)).toMatchObject([{ copied: [], bytes: 0, versions: 4 }, { copied: [] }])
    await expectSame(from, to)
  })

  test("copies from a folder to an S3 server and back", async () => {
    const [from, between, to] = [await place(), await s3Place(), await place()]
    await fill(from)
    await copy(from, between)
    await expectSame(from, between)
    expect(await copy(from, between)).toMatchObject([{ copied: [], versions: 3 }, { copied: [] }])
    await copy(between, to)
    await expectSame(from, to)
  })

  test("copies what the heads named when it began", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    const hold: Copy["hold"] = async (name, act) => {
      if (name === "a.json") await from.store.put(name, bytes("late"), { base: "current", writer })
      return holding(to)(name, act)
    }
    expect(await copy(from, to, { hold })).toMatchObject([{ copied: [1, 2, 3] }, {}])
    expect(await copy(from, to)).toMatchObject([{ copied: [4] }, {}])
  })

  test("copies what the source's head names now when a content was pruned or encrypted anew meanwhile", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    const pair = await keyPair()
    const encryption = await encryptionFor({ recipients: [pair], identities: [pair] })
    const meanwhile = [
      () =>
        holding(from)("a.json", (lease) =>
          pruneState({ objects: from.objects, project }, { name: "a.json", retention: { keepLast: 1 }, lease }),
        ),
      () =>
        holding(from)("a.json", (lease) =>
          rekeyState({ objects: from.objects, project }, { name: "a.json", encryption, inClear: false, lease }),
        ),
    ]
    let turn: Promise<unknown> = Promise.resolve()
    const busy: ObjectStore = {
      ...from.objects,
      async readBlob(folder, blob) {
        if (folder === stateKeys(project, "a.json").blobs) await (turn = turn.then(async () => meanwhile.shift()?.()))
        return from.objects.readBlob(folder, blob)
      },
    }
    expect(await copy({ objects: busy }, to)).toMatchObject([{ name: "a.json", copied: [2, 3] }, { name: "b c" }])
    expect(meanwhile).toEqual([])
    expect((await to.store.history("a.json"))?.every(({ encrypted }) => encrypted !== undefined)).toBe(true)
    const reading = ({ objects }: Pick<Place, "objects">): Pick<Place, "store"> => ({
      store: createStateStore({ objects, project, encryption }),
    })
    await expectSame(reading(from), reading(to))
  })

  test("leaves a target alone that went on by itself, and copies the others", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    await copy(from, to)
    await to.store.put("a.json", bytes("theirs"), { base: 3, writer: { by: "dave" } })
    await from.store.put("b c", bytes("new"), { base: "absent", writer })
    // Some succeeded, others failed.
    await expect(copy(from, to)).rejects.toMatchObject({
      code: "state-diverged",
      exit: 5,
      message: expect.stringContaining('"a.json" at file:///'),
    })
    expect((await to.store.get("a.json"))?.version).toMatchObject({ version: 4, writer: { by: "dave" } })
    expect(await to.store.history("b c")).toEqual(await from.store.history("b c"))
    await to.store.put("b c", bytes("theirs, too"), { base: "current", writer })
    await expect(copy(from, to)).rejects.toMatchObject({
      code: "state-diverged",
      exit: 1,
      message: expect.stringContaining("2 state files were left alone"),
      detail: expect.stringMatching(/^"a\.json" at .* has version 4.*\n"b c" at .* has version 4.*$/),
    })
  })

  test("takes up what somebody pins in the target meanwhile, and is refused when it lost the lock", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    await copy(from, to)
    await from.store.put("a.json", bytes("four"), { base: 3, writer })
    const pinning: ObjectStore = {
      ...to.objects,
      async writeBlob(folder, blob) {
        await pinState({ objects: to.objects, project }, { name: "a.json", version: 1, pin: { by: "carol" } })
        return to.objects.writeBlob(folder, blob)
      },
    }
    await copy(from, { ...to, objects: pinning })
    expect(await to.store.history("a.json")).toMatchObject([{ version: 4 }, {}, {}, { pinned: { by: "carol" } }])

    await from.store.put("a.json", bytes("five"), { base: 4, writer })
    const stolen: Copy["hold"] = (_, act) => act({ id: "00000000-0000-8000-8000-000000000000" } satisfies LeaseId)
    await expect(copy(from, to, { hold: stolen })).rejects.toMatchObject({ code: "lease-lost" })
    expect((await to.store.get("a.json"))?.version.version).toBe(4)
  })

  test("stops at a content that is damaged or gone, and names no head for it", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    const folder = blobFolder(from, "a.json")
    const [, large = ""] = (await readdir(folder)).toSorted()
    const whole = await readFile(join(folder, large))
    await truncate(join(folder, large), 1000)
    await expect(copy(from, to)).rejects.toMatchObject({
      code: "state-content-truncated",
      message: expect.stringMatching(/^version 2 of "a\.json" at file:.* should have 300000 bytes/),
    })
    await writeFile(join(folder, large), whole.fill(0, 150_000, 150_001))
    await expect(copy(from, to)).rejects.toMatchObject({ code: "state-content-corrupt" })
    await rm(join(folder, large))
    await expect(copy(from, to)).rejects.toMatchObject({ code: "state-content-missing" })
    expect(await to.store.history("a.json")).toBeUndefined()
    expect((await to.store.locks()).flatMap(({ leases }) => leases)).toEqual([])
  })

  test("leaves nothing of the source open when the target takes nothing", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    const { objects, open } = countingOpen(from.objects)
    const full: ObjectStore = {
      ...to.objects,
      writeBlob: async () => {
        throw new Error("the disk is full")
      },
    }
    await expect(copy({ objects }, { ...to, objects: full })).rejects.toThrow("the disk is full")
    expect(open()).toBe(0)
  })

  test("reads back what was copied, now and before", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    // A disk that loses the end of what it is given, and says that it is written.
    const lossy: ObjectStore = {
      ...to.objects,
      async writeBlob(folder, { stem }) {
        const { name } = await to.objects.writeBlob(folder, { stem, content: bytes("o") })
        return { name, size: 3, sha256: digest("one") }
      },
    }
    const damaged = { code: "state-content-truncated", hint: expect.stringContaining("copy into an empty store") }
    await expect(copy(from, { ...to, objects: lossy })).rejects.toMatchObject(damaged)
    expect(await to.store.history("a.json")).toBeUndefined()
    await copy(from, to)
    const folder = blobFolder(to, "a.json")
    for (const blob of await readdir(folder)) await truncate(join(folder, blob), 2)
    await expect(copy(from, to)).rejects.toMatchObject(damaged)
  })

  test("says that there is nothing to copy", async () => {
    const [from, to] = [await place(), await place()]
    await expect(copy(from, to)).rejects.toMatchObject({
      code: "state-absent",
      message: `there are no state files of github/neat-org/neat-repo at ${from.store.url}`,
    })
  })

  test("removes what a crashed copy left, when it is old", async () => {
    const [from, to] = [await place(), await place()]
    await fill(from)
    const folder = stateKeys(project, "a.json").blobs
    const left = await to.objects.writeBlob(folder, { stem: "1", content: bytes("left") })
    await copy(from, to)
    expect(await readdir(blobFolder(to, "a.json"))).toContain(left.name)
    const longAgo = new Date(Date.now() - 25 * 3600_000)
    await utimes(join(blobFolder(to, "a.json"), left.name), longAgo, longAgo)
    await from.store.put("a.json", bytes("four"), { base: 3, writer })
    await copy(from, to)
    expect(await readdir(blobFolder(to, "a.json"))).not.toContain(left.name)
    await expectSame(from, to)
  })
})
