import { randomUUID } from "node:crypto"
import { expect, onTestFinished, test } from "vitest"
import { copyProject, type Copied } from "../../../../src/state/history/copy.ts"
import { stateLock } from "../../../../src/state/names.ts"
import { openObjects, openSource, openStore } from "../../../../src/state/open.ts"
import type { Encryption } from "../../../../src/state/encryption/encryption.ts"
import type { StateStore } from "../../../../src/state/store.ts"
import { httpServer } from "../../../support/http-server.ts"
import { project } from "../../contract.ts"
import { encryptionFor, keyPair } from "../../support/age.ts"
import { bytes, textOf } from "../../support/content.ts"
import { fileStorage } from "../../support/file-storage.ts"
import { plainStorage, servedStorage, token, type HerculesStorage } from "../../support/hercules-server.ts"
import { upstream } from "../../support/hercules-upstream.ts"

const writer = { by: "alice@ci" }

type Server = Pick<HerculesStorage, "url" | "env">

async function started(make: () => Promise<HerculesStorage>): Promise<HerculesStorage> {
  const storage = await make()
  onTestFinished(storage.remove)
  return storage
}

async function target(): Promise<{
  readonly pull: (from: Server) => Promise<readonly Copied[]>
  readonly open: (encryption?: Encryption) => Promise<StateStore>
}> {
  const { url, remove } = await fileStorage()
  onTestFinished(remove)
  const open = (encryption?: Encryption): Promise<StateStore> => openStore(url, project, { encryption })
  const store = await open()
  return {
    open,
    async pull({ url: from, env }) {
      return copyProject({
        from: await openSource(from, project, { env }),
        to: await openObjects(url),
        project,
        async hold(name, act) {
          const request = { lock: stateLock(name), exclusive: true, description: "copy", holder: writer, ttl: 60 }
          const answer = await store.acquire({ ...request, idempotencyKey: name, queue: false })
          if (answer.outcome !== "acquired") throw new Error(`${name} is held by somebody else`)
          return act(answer.lease).finally(() => store.release(answer.lease.id))
        },
      })
    },
  }
}

async function text(store: StateStore, name: string, version: number): Promise<string> {
  return textOf((await store.get(name, { version }))?.content ?? bytes("absent"))
}

test.each([
  ["alcides serve state", servedStorage],
  ["a server that compares nothing", plainStorage],
])("brings all versions of %s with their numbers, times and writers, and later what came since", async (_, make) => {
  const server = await started(make)
  const from = await server.open(project)
  await from.put("a.json", bytes("one"), { base: "absent", writer })
  await from.put("a.json", bytes("two".repeat(100_000), 65_536), { base: 1, writer })
  await from.rollback("a.json", { to: 1, writer })
  await from.put("b c", bytes(""), { base: "absent", writer })
  const { pull, open } = await target()
  const to = await open()

  expect(await pull(server)).toEqual([
    { name: "a.json", copied: [1, 2, 3], bytes: 300_006, versions: 3 },
    { name: "b c", copied: [1], bytes: 0, versions: 1 },
  ])
  for (const name of ["a.json", "b c"]) expect(await to.history(name)).toEqual(await from.history(name))
  expect((await to.history("a.json"))?.[0]?.writer).toEqual({ by: "server-user" })
  expect(await Promise.all([1, 2, 3].map((version) => text(to, "a.json", version)))).toEqual([
    "one",
    "two".repeat(100_000),
    "one",
  ])

  await from.put("a.json", bytes("four"), { base: 3, writer })
  expect(await pull(server)).toMatchObject([{ copied: [4], bytes: 4, versions: 4 }, { copied: [] }])
  expect(await pull(server)).toMatchObject([{ copied: [] }, { copied: [] }])
  // It goes on by itself, and is no copy any more.
  expect(await to.put("a.json", bytes("five"), { base: 4, writer })).toMatchObject({ version: 5 })
  await expect(pull(server)).rejects.toMatchObject({ code: "state-diverged" })
})

test("measures what the server tells no hash of, and does not take it for something else later", async () => {
  const { endpoint } = await upstream()
  const server = { url: `hercules:${endpoint}`, env: { HERCULES_CI_API_TOKEN: token } }
  const from = await openStore(server.url, project, { env: server.env })
  await from.put("a.json", bytes("one"), { base: "absent", writer })
  await from.put("a.json", bytes("two"), { base: 1, writer })
  expect((await from.history("a.json"))?.at(-1)).toMatchObject({ version: 1, size: 0, sha256: "" })
  const { pull, open } = await target()

  expect(await pull(server)).toEqual([{ name: "a.json", copied: [1, 2], bytes: 6, versions: 2 }])
  const to = await open()
  expect(await to.history("a.json")).toMatchObject([
    { version: 2, writer: { by: "Alice" } },
    { version: 1, size: 3, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ])
  expect(await text(to, "a.json", 1)).toBe("one")
  expect(await pull(server)).toEqual([{ name: "a.json", copied: [], bytes: 0, versions: 2 }])
})

test("knows what is encrypted by how it begins, as the server keeps no word on it", async () => {
  const server = await started(plainStorage)
  const pair = await keyPair()
  const encryption = await encryptionFor({ recipients: [pair], identities: [pair] })
  const from = await openStore(server.url, project, { env: server.env, encryption })
  await from.put("a.json", bytes("secret"), { base: "absent", writer })
  const { pull, open } = await target()
  await pull(server)
  await expect((await open()).get("a.json")).rejects.toMatchObject({ code: "state-identity-missing" })
  expect(await text(await open(encryption), "a.json", 1)).toBe("secret")
  await expect((await open()).put("a.json", bytes("clear"), { base: 1, writer })).rejects.toMatchObject({
    code: "state-encryption-expected",
  })
})

test("does not take the first version of one server for that of another", async () => {
  const [one, other] = [await started(plainStorage), await started(plainStorage)]
  for (const server of [one, other])
    await (await server.open(project)).put("a.json", bytes("the same"), { base: "absent", writer })
  const { pull } = await target()
  await pull(one)
  await expect(pull(other)).rejects.toMatchObject({
    code: "state-diverged",
    message: expect.stringContaining("has another version 1 than the source"),
  })
})

/** A server with the same content as the only version of files of these names. */
async function listing(...names: readonly string[]): Promise<Server> {
  const version = { projectId: randomUUID(), version: 1, creationTime: "2030-01-01T00:00:00Z" }
  const stateFiles = Object.fromEntries(names.map((name) => [name, { name, versions: [{ ...version, name }] }]))
  const endpoint = await httpServer((request, response) => {
    const body = request.url?.endsWith("/states") === true ? JSON.stringify({ stateFiles }) : "one"
    response.writeHead(200, { "content-length": Buffer.byteLength(body) }).end(body)
  })
  return { url: `hercules:${endpoint}`, env: { HERCULES_CI_API_TOKEN: token } }
}

test("leaves out what cannot be named so here, says so, and copies all others", async () => {
  const { pull, open } = await target()
  const one = await listing("0/slash", "a.json", "b.json")
  await expect(pull(one)).rejects.toMatchObject({
    code: "state-name-invalid",
    exit: 5,
    message: `at ${one.url}, "0/slash" is no state name: it contains a slash`,
    hint: "all others are copied; get this one with `hci state get`, and put it under another name",
  })
  const to = await open()
  expect((await to.list()).map(({ name }) => name)).toEqual(["a.json", "b.json"])

  const more = await listing("0/slash", "..", "a.json", "b.json")
  await expect(pull(more)).rejects.toMatchObject({
    code: "state-name-invalid",
    message: "2 state files were left alone: they have names that are no plain file names; all others are copied",
    detail: expect.stringMatching(/"\.\." is no state name.*\n.*"0\/slash" is no state name/),
  })

  await to.put("a.json", bytes("two"), { base: 1, writer })
  await expect(pull(one)).rejects.toMatchObject({
    code: "state-diverged",
    message:
      "2 state files were left alone: the target is no earlier state of the source, or they have names that are no plain file names; all others are copied",
    hint: expect.stringMatching(/^copy into an empty store, .*; get them with `hci state get`/),
  })
})

test("leaves no version out without a word", async () => {
  const { endpoint } = await upstream({
    meddle: ({ target }, response) => {
      if (!target.endsWith("/states")) return false
      const version = { projectId: randomUUID(), name: "a.json", creationTime: "2030-01-01T00:00:00Z" }
      const versions = [0, 1].map((number) => ({ ...version, version: number }))
      response.end(JSON.stringify({ stateFiles: { "a.json": { name: "a.json", versions } } }))
      return true
    },
  })
  const { pull } = await target()
  await expect(pull({ url: `hercules:${endpoint}`, env: { HERCULES_CI_API_TOKEN: token } })).rejects.toMatchObject({
    code: "store-failed",
    message: expect.stringContaining("versions count 1, 2, 3"),
  })
})

test("says that there is nothing to copy, and that a task's token cannot list", async () => {
  const server = await started(servedStorage)
  const { pull } = await target()
  await expect(pull(server)).rejects.toMatchObject({
    code: "state-absent",
    message: `there are no state files of github/neat-org/neat-repo at ${server.url}`,
  })
  await expect(pull({ url: "hercules:current-task", env: server.env })).rejects.toMatchObject({
    code: "store-unsupported",
    message: "Hercules CI's API cannot list the state files of a task",
    hint: "copy them with another store URL, such as hercules:, and a user's token",
  })
})
