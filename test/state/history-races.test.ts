import { setImmediate as turn } from "node:timers/promises"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { pinState } from "../../src/state/history/pin.ts"
import { pruneState } from "../../src/state/history/prune.ts"
import { rekeyState } from "../../src/state/history/rekey.ts"
import { stateKeys } from "../../src/state/keys.ts"
import { stateLock } from "../../src/state/names.ts"
import { createStateStore } from "../../src/state/object-state-store.ts"
import type { ObjectStore } from "../../src/state/objects.ts"
import type { LeaseId, StateStore } from "../../src/state/store.ts"
import { project } from "./contract.ts"
import { encryptionFor, keyPair } from "./support/age.ts"
import { bytes, textOf } from "./support/content.ts"
import { memoryObjects } from "./support/memory.ts"

const name = "a.json"
const writer = { by: "alice@ci" }
const [alice, bob] = await Promise.all([keyPair(), keyPair()])
const encryption = await encryptionFor({ recipients: [alice], identities: [alice, bob] })
const forBob = await encryptionFor({ recipients: [bob], identities: [alice, bob] })
const older = fc.integer({ min: 1, max: 4 })

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("rollback", "prune"), number: older }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pin"), number: older }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("put", "delete", "rekey") }) },
)

type Operation = { readonly kind: string; readonly number?: number }

/** Each call takes some turns, and some swaps land though nobody can tell. */
function slow(
  objects: ObjectStore,
  { turns, unsure }: { readonly turns: readonly number[]; readonly unsure: ReadonlySet<number> },
): ObjectStore {
  let calls = 0
  let swaps = 0
  const later = async <T>(call: () => Promise<T>): Promise<T> => {
    calls += 1
    for (let left = turns[calls % turns.length] ?? 0; left > 0; left -= 1) await turn()
    return call()
  }
  return {
    ...objects,
    read: (key) => later(() => objects.read(key)),
    swap: (key, change) =>
      later(async () => {
        swaps += 1
        const isUnsure = unsure.has(swaps)
        const tag = await objects.swap(key, change)
        return isUnsure ? undefined : tag
      }),
    writeBlob: (folder, blob) => later(() => objects.writeBlob(folder, blob)),
    readBlob: (folder, blob) => later(() => objects.readBlob(folder, blob)),
    removeBlob: (folder, blob) => later(() => objects.removeBlob(folder, blob)),
  }
}

type World = { readonly objects: ObjectStore; readonly lease: LeaseId; readonly texts: Map<number, string | undefined> }

async function world(): Promise<World & { readonly store: StateStore }> {
  const objects = memoryObjects()
  const store = createStateStore({ objects, project, encryption })
  const texts = new Map<number, string | undefined>()
  for (let version = 1; version <= 4; version += 1) {
    texts.set(version, `content ${version}`)
    await store.put(name, bytes(`content ${version}`), { base: "current", writer })
  }
  const request = { lock: stateLock(name), exclusive: true, description: "", holder: writer, ttl: 60 }
  const answer = await store.acquire({ ...request, idempotencyKey: "one", queue: false })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return { objects, store, lease: answer.lease, texts }
}

async function act({ objects, lease, texts }: World, { kind, number = 0 }: Operation, own: string): Promise<void> {
  const store = createStateStore({ objects, project, encryption })
  const at = { objects, project }
  switch (kind) {
    case "put":
      texts.set((await store.put(name, bytes(own), { base: "current", writer, lease })).version, own)
      return
    case "delete":
      texts.set((await store.delete(name, { writer, lease })).version, undefined)
      return
    case "rollback":
      texts.set((await store.rollback(name, { to: number, writer, lease })).version, texts.get(number))
      return
    case "pin":
      await pinState(at, { name, version: number, pin: { by: "carol" } })
      return
    case "prune":
      await pruneState(at, { name, retention: { keepLast: number }, lease })
      return
    default:
      await rekeyState(at, { name, encryption: forBob, inClear: false, lease })
  }
}

// What an operation may say when another one was first.
const refusals = new Set(["state-version-absent", "state-absent", "state-content-missing"])

test("whatever is done at once, every version that is named is whole, none is named twice, and nothing is left over", async () => {
  let done = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 3, maxLength: 7 }),
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 5, maxLength: 40 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
      async (operations, turns, unsure) => {
        const { objects, store, lease, texts } = await world()
        const busy = slow(objects, { turns, unsure: new Set(unsure) })
        const ends = await Promise.allSettled(
          operations.map((one, index) => act({ objects: busy, lease, texts }, one, `own ${index}`)),
        )
        for (const end of ends) {
          if (end.status === "fulfilled") done += 1
          else
            expect(end.reason instanceof AlcidesError && refusals.has(end.reason.code), String(end.reason)).toBe(true)
        }

        const versions = ((await store.history(name)) ?? []).toReversed()
        const numbers = versions.map(({ version }) => version)
        expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
        expect(numbers.at(-1)).toBe(Math.max(...texts.keys()))
        for (const { version } of versions) {
          const found = await store.get(name, { version })
          expect([version, found && (await textOf(found.content))]).toEqual([version, texts.get(version)])
        }
        operations.forEach(({ kind, number = 0 }: Operation, index) => {
          if (kind === "pin" && ends[index]?.status === "fulfilled") expect(numbers).toContain(number)
        })
        const rekeyFailed = operations.some(({ kind }, index) => kind === "rekey" && ends[index]?.status === "rejected")
        const { head, blobs } = stateKeys(project, name)
        const record = (await objects.read(head))?.text ?? ""
        const left = (await objects.blobs(blobs)).filter((blob) => !record.includes(blob.name))
        if (!rekeyFailed) expect(left).toEqual([])
      },
    ),
    { numRuns: 40 },
  )
  expect(done).toBeGreaterThan(75)
})
