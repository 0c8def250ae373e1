import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import type { Encryption } from "../../../src/state/encryption/encryption.ts"
import { openStore } from "../../../src/state/open.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"

const [alice, bob] = await Promise.all([keyPair(), keyPair()])
const writer = { by: "alice@ci" }
const planted = "-----BEGIN OPENSSH PRIVATE KEY----- planted"

type Place = { readonly root: string; open(encryption?: Encryption): Promise<StateStore> }

async function place(): Promise<Place> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  return { root, open: (encryption) => openStore(url, project, { encryption }) }
}

async function read(store: StateStore, version?: number): Promise<string | undefined> {
  const found = await store.get("a.json", version === undefined ? {} : { version })
  return found === undefined ? undefined : textOf(found.content)
}

/** Every byte below a folder. */
async function everything(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return Buffer.concat(
    await Promise.all(
      entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))),
    ),
  )
}

test("content is encrypted before the store sees it, and comes back in clear", async () => {
  const { root, open } = await place()
  const store = await open(await encryptionFor({ recipients: [alice, bob], identities: [bob] }))
  const version = await store.put("a.json", bytes(planted), { base: "absent", writer })
  expect(version.encrypted).toEqual({ recipients: [alice.recipient, bob.recipient] })
  expect(version.size).toBeGreaterThan(planted.length)
  expect(await read(store)).toBe(planted)
  expect((await store.list())[0]?.current).toEqual(version)
  expect(await store.history("a.json")).toEqual([version])
  const all = await everything(root)
  for (const part of [planted, "PRIVATE KEY", bob.identity]) expect(all.includes(part)).toBe(false)
  expect(all.includes("age-encryption.org/v1\n")).toBe(true)
})

test("clear and encrypted versions stand beside each other, and a rollback shares what it goes back to", async () => {
  const { open } = await place()
  const clear = await open()
  await clear.put("a.json", bytes("one"), { base: "absent", writer })
  const store = await open(await encryptionFor({ recipients: [alice], identities: [alice] }))
  await store.put("a.json", bytes("two"), { base: 1, writer })
  expect(await store.rollback("a.json", { to: 1, writer })).not.toHaveProperty("encrypted")
  const back = await store.rollback("a.json", { to: 2, writer })
  expect(back.encrypted).toEqual({ recipients: [alice.recipient] })
  expect(await Promise.all([1, 2, 3, 4].map((version) => read(store, version)))).toEqual(["one", "two", "one", "two"])
  expect(await read(clear, 1)).toBe("one")
})

test.each([
  ["no encryption at all", undefined],
  ["another identity", { identities: [bob] }],
  ["recipients alone", { recipients: [alice] }],
])("with %s, an encrypted version cannot be read, and the message says who could", async (_, keys) => {
  const { open } = await place()
  const store = await open(await encryptionFor({ recipients: [alice] }))
  await store.put("a.json", bytes(planted), { base: "absent", writer })
  const other = await open(keys === undefined ? undefined : await encryptionFor(keys))
  await expect(read(other)).rejects.toMatchObject({
    code: "state-identity-missing",
    exit: 1,
    message: `version 1 of "a.json" is encrypted, and no identity here can read it; it is for ${alice.recipient}`,
  })
})

test("in clear on top of encrypted versions is refused before anything is sent, unless it is meant", async () => {
  const { root, open } = await place()
  const store = await open(await encryptionFor({ recipients: [alice] }))
  const clear = await open()
  await clear.put("a.json", bytes("one"), { base: "absent", writer })
  await store.put("a.json", bytes("two"), { base: 1, writer })
  await store.rollback("a.json", { to: 1, writer })
  await store.delete("a.json", { writer })
  const refused = {
    code: "state-encryption-expected",
    exit: 2,
    message: '"a.json" is encrypted (version 2, for one), and this would store it in clear: no recipient is configured',
    hint: expect.stringContaining("--in-clear"),
  }
  for (const other of [clear, await open(await encryptionFor({ identities: [alice] }))]) {
    await expect(other.put("a.json", bytes(planted), { base: "absent", writer })).rejects.toMatchObject(refused)
  }
  expect((await everything(root)).includes(planted)).toBe(false)
  const meant = await store.put("a.json", bytes("three"), { base: "absent", writer, inClear: true })
  expect(meant).not.toHaveProperty("encrypted")
  expect(await read(clear)).toBe("three")
})

test("a version that becomes encrypted while one in clear is sent refuses that one, too", async () => {
  const { open } = await place()
  const store = await open(await encryptionFor({ recipients: [alice] }))
  const clear = await open()
  const slow = async function* (): AsyncGenerator<Uint8Array> {
    yield* bytes("x")
    await store.put("a.json", bytes("two"), { base: "current", writer })
  }
  await expect(clear.put("a.json", slow(), { base: "current", writer })).rejects.toMatchObject({
    code: "state-encryption-expected",
  })
})

test("damage in the store is told from damage in the age file", async () => {
  const { root, open } = await place()
  const encryption = await encryptionFor({ recipients: [alice], identities: [alice] })
  const noAge: Encryption = { ...encryption, encrypt: (content) => content }
  await (await open(noAge)).put("a.json", bytes("this is no age file"), { base: "absent", writer })
  const store = await open(encryption)
  await expect(read(store)).rejects.toMatchObject({
    code: "state-content-undecryptable",
    message: 'version 1 of "a.json" cannot be decrypted: it is no age file',
  })
  await store.put("a.json", bytes(planted), { base: 1, writer })
  const found = (await readdir(root, { recursive: true })).find((name) => /blobs\/2-/.test(name)) ?? ""
  const blob = await readFile(join(root, found))
  blob[blob.byteLength - 1] = (blob[blob.byteLength - 1] ?? 0) ^ 1
  await writeFile(join(root, found), blob)
  await expect(read(store)).rejects.toMatchObject({ code: "state-content-corrupt" })
})
