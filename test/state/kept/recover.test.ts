import { chmod, copyFile, cp, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test } from "vitest"
import { AlcidesError } from "../../../src/errors.ts"
import { silentLog } from "../../../src/log.ts"
import type { Encryption } from "../../../src/state/encryption/encryption.ts"
import { aboutPath, keepFile, keptFileAt, listKept, type Kept } from "../../../src/state/kept.ts"
import { holdLease } from "../../../src/state/locks/lease.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openStore } from "../../../src/state/open.ts"
import { recoverKept, type Recovered } from "../../../src/state/kept/recover.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { unprivileged } from "../support/unprivileged.ts"

const name = "db.json"
const writer = { by: "alice@ci", rev: "0123abc" }

async function fresh(): Promise<{ dir: string; open: (encryption?: Encryption) => Promise<StateStore> }> {
  const storage = await fileStorage()
  const dir = await mkdtemp(join(tmpdir(), "alcides-recover-"))
  onTestFinished(async () => {
    await storage.remove()
    await rm(dir, { recursive: true, force: true })
  })
  return { dir, open: (encryption) => openStore(storage.url, project, { encryption }) }
}

async function keep(
  text: string,
  { dir, store, base }: { readonly dir: string; readonly store: StateStore; readonly base: number | "absent" },
): Promise<Kept> {
  const error = new AlcidesError({ code: "store-full", message: "no space left" })
  const { encryption, url } = store
  const path = await keepFile({
    source: bytes(text),
    name,
    project,
    store: url,
    base,
    writer,
    message: "effect deploy",
    error,
    dir,
    ...(encryption !== undefined && { encryption }),
  })
  const kept = await keptFileAt(path)
  if (kept === undefined) throw new Error("nothing is kept")
  return kept
}

async function recover(kept: Kept, store: StateStore, base = kept.about?.base): Promise<Recovered> {
  const by = { by: "bob@desk" }
  const request = { lock: stateLock(name), exclusive: true, description: "recover", holder: by }
  const held = await holdLease(store, request, { wait: false, log: silentLog })
  try {
    return await recoverKept({
      kept,
      name,
      base,
      store,
      lease: held.lease,
      writer: by,
      allowEmpty: false,
    })
  } finally {
    await held.release()
  }
}

test("what an earlier Alcides kept is recovered", async () => {
  const { dir, open } = await fresh()
  await cp(fileURLToPath(new URL("../../fixtures/kept-format-1", import.meta.url)), dir, { recursive: true })
  const store = await open()
  await store.put(name, bytes("one"), { base: "absent", writer })
  const [kept, ...others] = await listKept(dir)
  expect(others).toEqual([])
  expect(kept).toMatchObject({
    kind: "file",
    name,
    at: "2026-11-21T22:01:51.952Z",
    about: { why: "store-unreachable", base: 1, writer: { by: "alice@ci" } },
  })
  if (kept === undefined) throw new Error("nothing is kept")
  expect(await recover(kept, store)).toMatchObject({
    version: { version: 2, message: expect.stringMatching(/^effect deploy \(kept /) },
  })
  expect(await read(store)).toBe('{"id": 3}\n')
  expect(await listKept(dir)).toEqual([])
})

const read = async (store: StateStore): Promise<string> => textOf((await store.get(name))?.content ?? bytes(""))

test("what was encrypted is kept, recovered and recognised encrypted, by whoever has an identity", async () => {
  const { dir, open } = await fresh()
  const pair = await keyPair()
  const sealing = await open(await encryptionFor({ recipients: [pair] }))
  await sealing.put(name, bytes("one"), { base: "absent", writer })
  const kept = await keep("two", { dir, store: sealing, base: 1 })
  expect(kept.about).toMatchObject({ encrypted: { recipients: [pair.recipient] } })
  expect((await readFile(kept.path)).subarray(0, 21).toString()).toBe("age-encryption.org/v1")
  for (const store of [sealing, await open()]) {
    await expect(recover(kept, store)).rejects.toMatchObject({
      code: "state-identity-missing",
      message: expect.stringContaining(kept.path),
    })
  }
  for (const suffix of ["", ".kept"]) await copyFile(kept.path + suffix, join(dir, `copy${suffix}`))

  const able = await open(await encryptionFor({ recipients: [pair], identities: [pair] }))
  expect(await recover(kept, able)).toMatchObject({
    already: false,
    version: { version: 2, writer, encrypted: { recipients: [pair.recipient] } },
  })
  expect(await read(able)).toBe("two")

  // As after a crash between the put and the removing: the store's bytes are others than those that were kept.
  for (const suffix of ["", ".kept"]) await copyFile(join(dir, `copy${suffix}`), kept.path + suffix)
  expect(await recover(kept, able)).toMatchObject({ already: true, version: { version: 2 } })
  expect(await able.history(name)).toHaveLength(2)
})

test("a put whose answer got lost is recognised, and so is the same content put by hand", async () => {
  const { dir, open } = await fresh()
  const store = await open()
  const kept = await keep("one", { dir, store, base: "absent" })
  await store.put(name, bytes("one"), { base: "absent", writer: { by: "carol@desk" } })
  expect(await recover(kept, store)).toMatchObject({
    already: true,
    version: { version: 1, writer: { by: "carol@desk" } },
  })
})

test("what was meant to be in clear stays so", async () => {
  const { dir, open } = await fresh()
  const pair = await keyPair()
  const store = await open(await encryptionFor({ recipients: [pair], identities: [pair] }))
  await store.put(name, bytes("one"), { base: "absent", writer })
  const error = new AlcidesError({ code: "store-full", message: "no space left" })
  const { url } = store
  const keeping = { source: bytes("two"), name, project, store: url, base: 1, writer, error, dir, inClear: true }
  const kept = await keptFileAt(await keepFile({ ...keeping, encryption: await encryptionFor({ recipients: [pair] }) }))
  if (kept === undefined) throw new Error("nothing is kept")
  expect(await readFile(kept.path, "utf8")).toBe("two")
  expect((await recover(kept, store)).version).not.toHaveProperty("encrypted")
})

test("only one of two who recover the same puts it", async () => {
  const { dir, open } = await fresh()
  const store = await open()
  const kept = await keep("one", { dir, store, base: "absent" })
  await recover(kept, store)
  await expect(recover(kept, store)).rejects.toMatchObject({ code: "state-kept-unknown" })
  expect(await store.history(name)).toHaveLength(1)
})

test("what is encrypted is recovered as what it was, also when nothing beside it says so", async () => {
  const { dir, open } = await fresh()
  const pair = await keyPair()
  const able = await open(await encryptionFor({ recipients: [pair], identities: [pair] }))
  const { path } = await keep("one", { dir, store: able, base: "absent" })
  await rm(aboutPath(path))
  const kept: Kept = { path, kind: "file", name, at: "2026-11-21T10:34:22.867Z" }
  await expect(recover(kept, await open(), "absent")).rejects.toMatchObject({
    code: "state-identity-missing",
    message: `${path} is encrypted, and no identity here can read it`,
  })
  await expect(recover(kept, await open(await encryptionFor({ identities: [pair] })), "absent")).rejects.toMatchObject({
    code: "state-encryption-expected",
    exit: 2,
    message: `${path} is encrypted, and this would store it in clear: no recipient is configured`,
  })
  expect(await able.history(name)).toBeUndefined()
  expect(await recover(kept, able, "absent")).toMatchObject({
    version: { encrypted: { recipients: [pair.recipient] } },
  })
  expect(await read(able)).toBe("one")
})

test("what is in the store but cannot be removed here is told, and recognised the next time", async () => {
  await unprivileged(async () => {
    const { dir, open } = await fresh()
    const store = await open()
    const kept = await keep("one", { dir, store, base: "absent" })
    await chmod(dirname(kept.path), 0o500)
    for (const _ of ["put", "recognised"]) {
      await expect(recover(kept, store)).rejects.toMatchObject({
        code: "state-kept-left",
        exit: 1,
        message: expect.stringContaining(
          `${kept.path} is in the store, as version 1 of "db.json", but cannot be removed here: permission denied`,
        ),
        hint: `remove it and ${kept.path}.kept yourself`,
      })
    }
    expect(await store.history(name)).toHaveLength(1)
  })
})

test("what cannot be read is told, and nothing is put", async () => {
  await unprivileged(async () => {
    const { dir, open } = await fresh()
    const store = await open()
    const kept = await keep("one", { dir, store, base: "absent" })
    await chmod(kept.path, 0)
    await expect(recover(kept, store)).rejects.toMatchObject({
      code: "state-kept-unreadable",
      exit: 7,
      message: expect.stringContaining(`${kept.path} cannot be read: permission denied`),
    })
    await chmod(aboutPath(kept.path), 0)
    const unreadable = {
      code: "state-kept-unreadable",
      message: expect.stringContaining(`${kept.path}.kept cannot be read: permission denied`),
    }
    await expect(keptFileAt(kept.path)).rejects.toMatchObject(unreadable)
    await expect(listKept(dir)).rejects.toMatchObject(unreadable)
    await chmod(dirname(kept.path), 0)
    await expect(listKept(dir)).rejects.toMatchObject({
      code: "state-kept-unreadable",
      message: expect.stringContaining(`${dirname(kept.path)} cannot be read: permission denied`),
    })
    expect(await store.history(name)).toBeUndefined()
    await chmod(dirname(kept.path), 0o700)
  })
})

test("a put that is refused leaves no file open", async () => {
  const { dir, open } = await fresh()
  const store = await open()
  await store.put(name, bytes("zero"), { base: "absent", writer })
  const kept = await keep("one", { dir, store, base: "absent" })
  const opened = async (): Promise<boolean> => {
    const files = await readdir("/proc/self/fd")
    const targets = await Promise.all(files.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")))
    return targets.includes(kept.path)
  }
  await expect(recover(kept, store)).rejects.toMatchObject({ code: "state-conflict" })
  expect(await opened()).toBe(false)
})
