import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, test } from "vitest"
import { AlcidesError } from "../../../src/errors.ts"
import { pruneState } from "../../../src/state/history/prune.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openObjects, openStore } from "../../../src/state/open.ts"
import type { StateRead, StateStore } from "../../../src/state/store.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes, textOf } from "../support/content.ts"
import { repo, repoPath, served, type Served } from "../support/state-server.ts"

const path = `${repoPath}/state/db.json/data`
const writer = { by: "carol" }
const large = (letter: string): string => letter.repeat(1_500_000)

type Place = {
  readonly store: StateStore
  /** Keeps no version but the current one. */
  prune(): Promise<void>
  /** Serves it; `between` happens before the second look at it, the fourth and so on: in the middle of an answer. */
  serve(between: (turn: number) => Promise<unknown>): Promise<Served>
}

/** An encrypted store with version 1. */
async function place(): Promise<Place> {
  const { folder } = await served()
  const pair = await keyPair()
  const encryption = await encryptionFor({ recipients: [pair], identities: [pair] })
  const url = pathToFileURL(join(folder, "store")).href
  const store = await openStore(url, repo, { encryption })
  await store.put("db.json", bytes(large("1"), 65_536), { base: "absent", writer })
  return {
    store,
    async prune() {
      const request = { lock: stateLock("db.json"), exclusive: true, description: "", holder: writer, ttl: 60 }
      const answer = await store.acquire({ ...request, idempotencyKey: "prune", queue: false })
      if (answer.outcome !== "acquired") throw new Error("blocked")
      const objects = await openObjects(url)
      const retention = { keepLast: 1 }
      await pruneState({ objects, project: repo }, { name: "db.json", retention, lease: answer.lease })
      await store.release(answer.lease.id)
    },
    serve(between) {
      let looks = 0
      const get: StateStore["get"] = async (...wanted) => {
        looks += 1
        if (looks % 2 === 0) await between(looks / 2)
        return store.get(...wanted)
      }
      return served({ store: async () => ({ ...store, get }) })
    },
  }
}

/** Somebody puts, and the old version is pruned at once. */
async function replace({ store, prune }: Place, letter: string): Promise<void> {
  await store.put("db.json", bytes(large(letter), 65_536), { base: "current", writer })
  await prune()
}

test("what is replaced and pruned in the middle of an answer is there all the same", async () => {
  const there = await place()
  const { request } = await there.serve((turn) => (turn === 1 ? replace(there, "2") : Promise.resolve()))
  const answer = await request(path)
  expect([answer.status, answer.headers.get("alcides-version")]).toEqual([200, "2"])
  expect((await answer.text()) === large("2")).toBe(true)
})

test("a version that was asked for and is pruned meanwhile is not there", async () => {
  const there = await place()
  const { request } = await there.serve((turn) => (turn === 1 ? replace(there, "2") : Promise.resolve()))
  const answer = await request(`${path}?version=1`)
  expect(answer.status).toBe(404)
  expect(await answer.json()).toMatchObject({ message: 'there is no version 1 of the state file "db.json"' })
})

test("what is replaced and pruned again and again is not said to be absent", async () => {
  const there = await place()
  const { request, logged } = await there.serve((turn) => replace(there, String(turn + 1)))
  const answer = await request(path)
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"])
  expect(await answer.json()).toMatchObject({ message: '"db.json" changes faster than it can be read' })
  expect(logged()).toContain("changes faster than it can be read")
})

test.each([
  [1, 200],
  [3, 500],
])("a content that goes away while it is read is read anew, but not for ever: %i times", async (times, status) => {
  const { store } = await served()
  await store.put("db.json", bytes("one"), { base: "absent", writer })
  let gone = 0
  const get: StateStore["get"] = async (...wanted) => {
    const read = await store.get(...wanted)
    if (read === undefined || gone === times) return read
    gone += 1
    return { ...read, content: removedAfter(read) }
  }
  const answer = await (await served({ store: async () => ({ ...store, get }) })).request(path)
  expect(answer.status).toBe(status)
  if (status === 200) expect(await answer.text()).toBe("one")
  else expect(await answer.json()).toMatchObject({ code: "state-content-missing" })
})

async function* removedAfter({ content }: StateRead): AsyncGenerator<Uint8Array> {
  if ((await textOf(content)) === "") yield Buffer.from("empty")
  throw new AlcidesError({ code: "state-content-missing", message: "it was removed while it was read" })
}
