import * as z from "zod/mini"
import { expect, onTestFinished, test, vi } from "vitest"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { parseRecord, updateRecord } from "../../../src/state/records/records.ts"
import { project } from "../contract.ts"
import { bytes } from "../support/content.ts"
import { memoryObjects } from "../support/memory.ts"

const schema = z.strictObject({ format: z.literal(1), name: z.string() })
const parse = (text: string) => parseRecord({ text, schema, where: "store/key" })
const writer = { by: "alice" }

test.each([
  [
    '{"format":2,"name":"a","more":[]}',
    "store-format-unknown",
    "store/key was written by a newer Alcides (format 2; this one reads format 1)",
    2,
  ],
  [
    '{"format":1,"name":"a","until":"x","why":"y"}',
    "store-format-unknown",
    'store/key was written by a newer Alcides: it has "until", "why", which this one does not know',
    2,
  ],
  ["{", "store-damaged", "the state store is damaged: store/key is no JSON", 1],
  ["", "store-damaged", "the state store is damaged: store/key is no JSON", 1],
  ["[]", "store-damaged", expect.stringContaining("does not have the shape of a record (at its root"), 1],
  [
    '{"format":1,"name":7}',
    "store-damaged",
    expect.stringContaining("does not have the shape of a record (at name"),
    1,
  ],
  ['{"format":0,"name":"a"}', "store-damaged", expect.stringContaining("at format"), 1],
])("%s is told as what it is", (text, code, message, exit) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code, message, exit }))
})

test("gives up on a record that others change all the time", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] })
  onTestFinished(() => void vi.useRealTimers())
  const objects = memoryObjects({ onSwap: () => "lost" })
  const change = updateRecord({ objects, key: "k", parse }, async () => ({
    record: { format: 1 as const, name: "a" },
    answer: 1,
  }))
  const refused = expect(change).rejects.toMatchObject({
    code: "store-busy",
    message: "k was changed by others 60 times while this change was tried",
  })
  await vi.advanceTimersByTimeAsync(60_000)
  await refused
})

test("a write that landed though the store could not tell is not made twice", async () => {
  const store = createStateStore({
    objects: memoryObjects({ onSwap: (key) => (key.endsWith("/head") ? "landed but told as lost" : undefined) }),
    project,
  })
  expect(await store.put("a.json", bytes(""), { base: "absent", writer })).toMatchObject({ version: 1 })
  expect(await store.history("a.json")).toHaveLength(1)
})

test("a lease that was granted though the store could not tell is not granted twice", async () => {
  const store = createStateStore({ objects: memoryObjects({ onSwap: () => "landed but told as lost" }), project })
  const request = {
    lock: "l",
    exclusive: true,
    description: "",
    holder: writer,
    ttl: 9,
    idempotencyKey: "k",
    queue: false,
  }
  expect(await store.acquire(request)).toMatchObject({ outcome: "acquired", lease: { token: 1 } })
  expect(await store.locks()).toEqual([])
})
