import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, onTestFinished, test } from "vitest"
import type { ResolvedStateFileUse } from "../../src/effect/effect.ts"
import { fetchStateFiles, putStateFiles } from "../../src/effect/state-exchange.ts"
import type { Encryption } from "../../src/state/encryption/encryption.ts"
import { openStore } from "../../src/state/open.ts"
import type { StateStore } from "../../src/state/store.ts"
import { encryptionFor, keyPair } from "../state/support/age.ts"
import { bytes, textOf } from "../state/support/content.ts"

const alice = await keyPair()
const both = await encryptionFor({ recipients: [alice], identities: [alice] })
const writer = { by: "test" }
const planted = "planted private key"

async function world(): Promise<{ folder: string; open: (encryption?: Encryption) => Promise<StateStore> }> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-exchange-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, "run"))
  const url = pathToFileURL(join(folder, "store")).href
  return { folder, open: (encryption) => openStore(url, { site: "s", owner: "o", name: "n" }, { encryption }) }
}

const use: ResolvedStateFileUse = {
  name: "db.json",
  access: "write",
  onMissing: "create",
  missingMeans: undefined,
  mayBeEmpty: false,
}

const exchange = (store: StateStore, folder: string) => ({
  store,
  leases: new Map(),
  writer,
  message: "effect deploy",
  keptFolder: join(folder, "kept"),
})

test("an encrypted file is fetched in clear, and one that did not change is not put again", async () => {
  const { folder, open } = await world()
  const store = await open(both)
  await store.put("db.json", bytes(planted), { base: "absent", writer })
  const files = await fetchStateFiles([use], { store, leases: new Map(), folder: join(folder, "run") })
  const path = files[0]?.path ?? ""
  expect(await readFile(path, "utf8")).toBe(planted)
  expect(await putStateFiles(files, exchange(store, folder))).toEqual({
    changes: [{ name: "db.json", from: 1, to: 1 }],
    failures: [],
  })
  await writeFile(path, `${planted}!`)
  const { changes } = await putStateFiles(files, exchange(store, folder))
  expect(changes).toEqual([{ name: "db.json", from: 1, to: 2 }])
  const found = await store.get("db.json")
  expect(found?.version.encrypted).toEqual({ recipients: [alice.recipient] })
  expect(await textOf(found?.content ?? bytes(""))).toBe(`${planted}!`)
})

test("what could not be put back encrypted is not even fetched, unless it is only read", async () => {
  const { folder, open } = await world()
  await (await open(both)).put("db.json", bytes(planted), { base: "absent", writer })
  const store = await open(await encryptionFor({ identities: [alice] }))
  const at = { store, leases: new Map(), folder: join(folder, "run") }
  await expect(fetchStateFiles([use], at)).rejects.toMatchObject({ code: "state-encryption-expected", exit: 2 })
  expect(await readdir(join(folder, "run", "files"))).toEqual([])
  await rm(join(folder, "run", "files"), { recursive: true })
  const [file] = await fetchStateFiles([{ ...use, access: "read" }], at)
  expect(await readFile(file?.path ?? "", "utf8")).toBe(planted)
})

test("a file that could not be put is kept encrypted, as the store would have had it", async () => {
  const { folder, open } = await world()
  const store = await open(both)
  await store.put("db.json", bytes("one"), { base: "absent", writer })
  const files = await fetchStateFiles([use], { store, leases: new Map(), folder: join(folder, "run") })
  await store.put("db.json", bytes("two"), { base: 1, writer: { by: "somebody else" } })
  await writeFile(files[0]?.path ?? "", planted)
  const { changes, failures } = await putStateFiles(files, exchange(store, folder))
  expect(failures).toMatchObject([{ code: "state-not-put", exit: 7 }])
  const kept = changes[0]?.kept ?? ""
  const content = await readFile(kept)
  expect(content.includes(planted)).toBe(false)
  expect((await stat(kept)).mode & 0o777).toBe(0o600)
  const about = { where: "kept", recipients: [] }
  expect(await textOf(both.decrypt(once(content), about))).toBe(planted)
})

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content
}
