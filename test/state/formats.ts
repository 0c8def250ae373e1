import { describe, expect, test } from "vitest"
import { copyProject } from "../../src/state/history/copy.ts"
import { objectsSource } from "../../src/state/history/copy-source.ts"
import { pruneState } from "../../src/state/history/prune.ts"
import { stateLock } from "../../src/state/names.ts"
import { openObjects, openStore } from "../../src/state/open.ts"
import type { Encryption } from "../../src/state/encryption/encryption.ts"
import type { StateStore } from "../../src/state/store.ts"
import { encryptionFor, keyPair } from "./support/age.ts"
import { bytes, textOf } from "./support/content.ts"
import type { StoredFormat } from "./support/format-fixtures.ts"

// What the fixtures were encrypted for; it opens nothing else.
const identity = "AGE-SECRET-KEY-19TTW9MQX8CDQP474D9RR75HD30W3R6YXPK53E8SYL6PYRKT0JPXQML40AC"
const project = { site: "github", owner: "Neat-Org", name: "neat-repo" }
const alice = { by: "alice@ci", rev: "0123456789abcdef0123456789abcdef01234567", runUrl: "https://ci.example/runs/1" }
const bob = { by: "bob@laptop" }
const name = "nixops-foo.json"
const umlauts = "Zustand für alle"
const request = { exclusive: true, description: "", holder: bob, ttl: 60, idempotencyKey: "new", queue: false }

/** What must be read of a store that was written with everything that format 1 has: each driver's fixture has the same in it. */
export function testFormat1(
  driver: string,
  makeStored: () => Promise<StoredFormat>,
  {
    markerSuffices,
  }: {
    /** Whether the marker is looked at before each access. */
    readonly markerSuffices: boolean
  },
): void {
  const open = ({ url, env }: StoredFormat, encryption?: Encryption): Promise<StateStore> =>
    openStore(url, project, { env, encryption })
  const reader = async (stored: StoredFormat): Promise<StateStore> => {
    const pair = await keyPair(async () => identity)
    return open(stored, await encryptionFor({ recipients: [pair], identities: [pair] }))
  }

  describe(`${driver}: a store with everything that format 1 has`, () => {
    test("state files: encrypted, pinned, rolled back, pruned, deleted, empty", async () => {
      const store = await reader(await makeStored())
      expect((await store.list()).map(({ name, versions, current }) => [name, versions, current.version])).toEqual([
        [umlauts, 1, 1],
        ["held.json", 1, 1],
        [name, 4, 7],
      ])
      const encrypted = { recipients: [(await keyPair(async () => identity)).recipient] }
      const size = 215
      const anyTime = expect.stringMatching(/^2026-11-21T16:28:\d\d\.\d{3}Z$/)
      const always = { created: anyTime, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }
      expect(await store.history(name)).toEqual([
        { ...always, version: 7, size: 15, writer: bob },
        { ...always, version: 6, size: 15, writer: alice },
        {
          ...always,
          version: 4,
          size,
          writer: alice,
          message: "back to two machines",
          encrypted,
          pinned: { by: "carol@desk", at: anyTime },
          rollbackOf: 2,
        },
        {
          ...always,
          version: 2,
          size,
          writer: bob,
          encrypted,
          pinned: { by: "bob@laptop", at: anyTime, reason: "before the move" },
        },
      ])
      const contents = []
      for (const version of [2, 4, 6, 7])
        contents.push(await textOf((await store.get(name, { version }))?.content ?? bytes("")))
      expect(contents).toEqual([2, 2, 6, 7].map((machines) => `{"machines":${machines}}\n`))
      expect(await store.get(name, { version: 3 })).toBeUndefined()
      await expect(store.rollback(name, { to: 5, writer: bob })).rejects.toMatchObject({
        message: `version 5 of "${name}" was pruned`,
      })
      expect(await store.get("gone")).toBeUndefined()
      expect(await store.history("gone")).toMatchObject([
        { version: 2, deleted: true, message: "no longer needed", writer: alice },
        { version: 1, writer: bob },
      ])
      expect(await textOf((await store.get(umlauts))?.content ?? bytes("absent"))).toBe("")
    })

    test("locks: exclusive, shared, nested, awaited, broken", async () => {
      const store = await open(await makeStored())
      const lasting = { description: "deploy", expires: expect.stringMatching(/^2126-10-28T/) }
      const runner = { pid: 4711, started: "188233", machine: "runner-7 1f6c pid:[4026531836]" }
      expect(await store.locks()).toEqual([
        expect.objectContaining({
          lock: stateLock("held.json"),
          leases: [expect.objectContaining({ ...lasting, exclusive: true, token: 1 })],
        }),
        {
          lock: "production",
          waiting: 0,
          leases: [
            expect.objectContaining({ ...lasting, token: 1, holder: { ...alice, host: "runner-7", process: runner } }),
            expect.objectContaining({
              ...lasting,
              description: "the nested one",
              token: 2,
              parent: expect.any(String),
            }),
          ],
        },
        {
          lock: "shared",
          waiting: 0,
          leases: [
            expect.objectContaining({ ...lasting, exclusive: false, holder: alice }),
            expect.objectContaining({ ...lasting, exclusive: false, holder: bob }),
          ],
        },
        {
          lock: "staging",
          waiting: 0,
          leases: [],
          broken: { by: "admin@desk", at: expect.any(String), reason: "its runner died" },
        },
        {
          lock: "testing",
          waiting: 0,
          leases: [expect.objectContaining({ ...lasting, holder: bob, token: 2 })],
          broken: { by: "admin@desk", at: expect.any(String) },
        },
      ])
    })

    test("what is held is held, what is fenced is fenced, and all of it can be gone on with", async () => {
      const stored = await makeStored()
      const store = await reader(stored)
      await expect(store.put("held.json", bytes("x"), { base: 1, writer: bob })).rejects.toMatchObject({
        code: "state-locked",
      })
      const leases = (await store.locks()).flatMap(({ leases }) => leases)
      const [held, production, nested] = leases
      expect(nested?.parent).toBe(production?.id)
      const own = { writer: alice, lease: { id: held?.id ?? "" } }
      expect(await store.put("held.json", bytes("{}"), { ...own, base: 1 })).toMatchObject({ version: 2 })
      for (const { id } of leases.toReversed()) await store.release(id)
      expect(await store.locks()).toMatchObject([{ lock: "staging" }, { lock: "testing", leases: [] }])

      // The token of `production` in this file's fences is 1, its last one 2, and the file's own lock counts on from 1.
      expect(await store.acquire({ ...request, lock: "production" })).toMatchObject({ lease: { token: 3 } })
      const answer = await store.acquire({ ...request, lock: stateLock(name) })
      if (answer.outcome !== "acquired") throw new Error("blocked")
      expect(answer.lease.token).toBe(2)
      const refused = store.put(name, bytes("x"), { base: 7, writer: bob })
      await expect(refused).rejects.toMatchObject({ code: "state-locked" })
      const { lease } = answer
      expect(await store.put(name, bytes("eight"), { base: 7, writer: bob, lease })).toMatchObject({ version: 8 })
      const objects = await openObjects(stored.url, { env: stored.env })
      const { removed } = await pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease })
      expect(removed.map(({ version }) => version)).toEqual([6, 7])
      expect((await store.history(name))?.map(({ version }) => version)).toEqual([8, 4, 2])
      expect(await textOf((await store.get(name, { version: 4 }))?.content ?? bytes(""))).toBe('{"machines":2}\n')
    })
  })

  describe(`${driver}: a store of a newer format`, () => {
    const operations: Readonly<Record<string, (store: StateStore, stored: StoredFormat) => Promise<unknown>>> = {
      get: (store) => store.get(name),
      history: (store) => store.history(name),
      list: (store) => store.list(),
      put: (store) => store.put(name, bytes("x"), { base: "current", writer: bob }),
      "put of a new file": (store) => store.put("new", bytes("x"), { base: "absent", writer: bob }),
      rollback: (store) => store.rollback(name, { to: 2, writer: bob }),
      delete: (store) => store.delete(name, { writer: bob }),
      acquire: (store) => store.acquire({ ...request, lock: "production" }),
      "acquire a new lock": (store) => store.acquire({ ...request, lock: "new" }),
      locks: (store) => store.locks(),
      break: (store) => store.break("production", { by: "admin@desk" }),
      async copy(_, { url, env }) {
        const objects = await openObjects(url, { env })
        const from = objectsSource({ objects, project })
        return copyProject({ from, to: objects, project, hold: (_, act) => act({ id: "none" }) })
      },
    }
    const refuse = async (stored: StoredFormat): Promise<void> => {
      const before = await stored.contents()
      for (const [operation, act] of Object.entries(operations)) {
        await expect(
          open(stored).then((store) => act(store, stored)),
          operation,
        ).rejects.toMatchObject({
          code: "store-format-unknown",
          exit: 2,
          message: expect.stringContaining("was written by a newer Alcides (format 2"),
        })
        const after = await stored.contents()
        expect(new Map([...after].filter(([where]) => before.has(where))), operation).toEqual(before)
        // Where the marker is looked at only before a record is made, the content of a new file has been sent by then.
        const added = [...after.keys()].filter((where) => !before.has(where))
        expect(added.filter((where) => markerSuffices || !where.includes("/state/new/blobs/"))).toEqual([])
      }
    }

    test("is refused by whatever reads or writes, and nothing is written", async () => {
      const stored = await makeStored()
      for (const [where, content] of await stored.contents()) {
        const text = Buffer.from(content, "hex").toString()
        if (where.endsWith("alcides-store.json")) await stored.write(where, text.replace('"format":1', '"format":2'))
        if (text.startsWith("alcides-record 1 "))
          await stored.write(where, text.replace("alcides-record 1 ", "alcides-record 2 "))
      }
      await refuse(stored)
    })

    test.runIf(markerSuffices)("is known by its marker alone", async () => {
      const stored = await makeStored()
      const [marker = "", content = ""] =
        [...(await stored.contents())].find(([where]) => where.endsWith("alcides-store.json")) ?? []
      await stored.write(marker, Buffer.from(content, "hex").toString().replace('"format":1', '"format":2'))
      await refuse(stored)
    })
  })
}
