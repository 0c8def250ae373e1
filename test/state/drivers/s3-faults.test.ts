import { randomUUID } from "node:crypto"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { AlcidesError } from "../../../src/errors.ts"
import type { LeaseRequest, StateStore } from "../../../src/state/store.ts"
import type { Fault, FaultProxy, ProxiedRequest } from "../../support/fault-proxy.ts"
import { bytes, textOf } from "../support/content.ts"
import { faultyStorage, type FaultyStorage } from "../support/faulty-storage.ts"

const writer = { by: "alice@ci" }

const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  lock: "production",
  exclusive: true,
  description: "deploy",
  holder: writer,
  ttl: 60,
  idempotencyKey: randomUUID(),
  queue: false,
  ...more,
})

async function faulty(): Promise<FaultyStorage> {
  const storage = await faultyStorage()
  onTestFinished(storage.remove)
  return storage
}

const read = async (store: StateStore, version?: number): Promise<string | undefined> => {
  const found = await store.get("a.json", version === undefined ? {} : { version })
  return found === undefined ? undefined : textOf(found.content)
}

/** Runs `act` while the first request of this kind that comes goes wrong, as one must. */
async function withFault<T>(
  { proxy, matches, fault }: { proxy: FaultProxy; matches: (request: ProxiedRequest) => boolean; fault: Fault },
  act: () => Promise<T>,
): Promise<T> {
  let happened = false
  proxy.plan((request) => {
    if (happened || !matches(request)) return undefined
    happened = true
    return fault
  })
  try {
    return await act()
  } finally {
    expect(happened).toBe(true)
  }
}

const isHeadPut = ({ method, path }: ProxiedRequest): boolean => method === "PUT" && path.endsWith("/head")
const isHeadGet = ({ method, path }: ProxiedRequest): boolean => method === "GET" && path.endsWith("/head")
const isBlobPut = ({ method, path }: ProxiedRequest): boolean => method === "PUT" && path.includes("/blobs/")
const isBlobGet = ({ method, path }: ProxiedRequest): boolean => method === "GET" && path.includes("/blobs/")
const isLockPut = ({ method, path }: ProxiedRequest): boolean => method === "PUT" && path.includes("/locks/")

const passing: readonly Fault[] = [
  { kind: "cut before" },
  { kind: "cut during" },
  { kind: "cut after" },
  { kind: "answer", status: 500, done: false },
  { kind: "answer", status: 500, done: true },
  { kind: "answer", status: 503, done: false, retryAfter: 1 },
  { kind: "answer", status: 503, done: true },
  { kind: "answer", status: 429, done: false, retryAfter: 0 },
  { kind: "shorten" },
  { kind: "drip", pieces: 5, ms: 20 },
  { kind: "delay", ms: 200 },
]

describe("one fault", () => {
  test.each(passing.map((fault) => [JSON.stringify(fault), fault] as const))(
    "%s at any request of a put, and nothing is lost, doubled or told wrongly",
    async (_, fault) => {
      const { proxy, openThroughProxy, openDirectly } = await faulty()
      const direct = await openDirectly()
      await direct.put("a.json", bytes("one"), { base: "absent", writer })
      const store = await openThroughProxy()
      for (const [index, matches] of [isHeadGet, isBlobPut, isHeadPut].entries()) {
        const text = `content ${index}`
        const { version } = await withFault({ proxy, matches, fault }, () =>
          store.put("a.json", bytes(text), { base: index + 1, writer }),
        )
        expect(version).toBe(index + 2)
        expect(await read(direct)).toBe(text)
        expect((await direct.history("a.json"))?.length).toBe(index + 2)
        expect(await withFault({ proxy, matches: isBlobGet, fault }, () => read(store))).toBe(text)
      }
    },
  )

  test("a lease is granted once and released once, also when the answer is lost", async () => {
    const { proxy, openThroughProxy, openDirectly } = await faulty()
    const [store, direct] = [await openThroughProxy(), await openDirectly()]
    await direct.release(await leaseOf(direct))
    for (const fault of passing) {
      const plan = { proxy, matches: isLockPut, fault }
      const id = await withFault(plan, () => leaseOf(store))
      expect((await direct.locks()).flatMap(({ leases }) => leases)).toMatchObject([{ id }])
      const { expires } = await withFault(plan, () => store.renew(id, { ttl: 600 }))
      expect((await direct.locks()).flatMap(({ leases }) => leases)).toMatchObject([{ id, expires }])
      await withFault(plan, () => store.release(id))
      expect(await direct.locks()).toEqual([])
    }
  })

  test("a bit that flips on the way is not taken for content", async () => {
    const { proxy, openThroughProxy } = await faulty()
    const store = await openThroughProxy()
    await store.put("a.json", bytes("one"), { base: "absent", writer })
    const fault = { kind: "flip" } as const
    expect(await withFault({ proxy, matches: isHeadGet, fault }, () => read(store))).toBe("one")
    await withFault({ proxy, matches: isBlobGet, fault }, () =>
      expect(read(store)).rejects.toMatchObject({ code: "state-content-corrupt" }),
    )
  })
})

async function leaseOf(store: StateStore): Promise<string> {
  const answer = await store.acquire(request())
  if (answer.outcome !== "acquired") throw new Error(`blocked by ${JSON.stringify(answer)}`)
  return answer.lease.id
}

describe("a server that stays away", () => {
  test("is given up on within the time that it asks for, or at once when that is too long", async () => {
    const { proxy, openThroughProxy } = await faulty()
    const store = await openThroughProxy()
    await store.put("a.json", bytes("one"), { base: "absent", writer })
    proxy.plan(() => ({ kind: "answer", status: 503, done: false, retryAfter: 3600 }))
    const started = performance.now()
    await expect(read(store)).rejects.toMatchObject({ code: "store-failed", message: expect.stringContaining("503") })
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test.concurrent.each([
    ["an answer that stops in its middle", isHeadGet, { kind: "stall" }, 10_000],
    ["an answer that never comes", isHeadPut, { kind: "silence" }, 10_000],
    ["content that stops in its middle", isBlobGet, { kind: "stall" }, 30_000],
    ["content that is never acknowledged", isBlobPut, { kind: "silence" }, 30_000],
  ] as const)("%s is waited for only so long", async (_, matches, fault, longest) => {
    const { proxy, openThroughProxy, remove } = await faultyStorage()
    try {
      const store = await openThroughProxy()
      await store.put("a.json", bytes("one"), { base: "absent", writer })
      const started = performance.now()
      await withFault({ proxy, matches, fault }, async () => {
        await store.put("a.json", bytes("two"), { base: 1, writer })
        expect(await read(store)).toBe("two")
      })
      expect(performance.now() - started).toBeLessThan(longest + 5_000)
      expect(performance.now() - started).toBeGreaterThan(longest - 1_000)
    } finally {
      await remove()
    }
  })
})

describe("any faults", () => {
  let shared: FaultyStorage
  beforeAll(async () => {
    shared = await faultyStorage()
  })
  afterAll(() => shared.remove())

  const anyFault: fc.Arbitrary<Fault> = fc.oneof(
    fc.constantFrom(...passing),
    fc.record({
      kind: fc.constant("answer" as const),
      status: fc.constantFrom(500, 502, 503, 504, 429),
      done: fc.boolean(),
      body: fc.constantFrom("", "<html>gateway</html>", "not found"),
    }),
  )
  // How many requests pass before the next fault.
  const anyPlan = fc.array(fc.record({ after: fc.nat({ max: 3 }), fault: anyFault }), { maxLength: 6 })
  const anyOperation = fc.constantFrom(
    "put",
    "put",
    "get",
    "delete",
    "rollback",
    "history",
    "list",
    "acquire",
    "renew",
    "release",
    "locks",
  )

  /** What may be said of a fault; "absent", "conflict" and "lost" would be false. */
  const honest = new Set(["store-unreachable", "store-failed", "store-busy"])

  test(
    "no loss, no false success, no false absence, no false conflict, in bounded time",
    { timeout: 300_000 },
    async () => {
      const { proxy, openThroughProxy, openDirectly } = shared
      await fc.assert(
        fc.asyncProperty(anyPlan, fc.array(anyOperation, { minLength: 1, maxLength: 6 }), async (plan, operations) => {
          proxy.plan(() => undefined)
          const direct = await openDirectly()
          for (const { lock } of await direct.locks()) await direct.break(lock, { by: "admin" })
          const first = await direct.put("a.json", bytes("start"), { base: "current", writer })
          const store = await openThroughProxy()
          const contents = new Map<number, string>([[first.version, "start"]])
          let current = first.version
          let lease: string | undefined

          const faults = plan.flatMap(({ after, fault }) => [...Array.from({ length: after }, () => undefined), fault])
          proxy.plan(() => faults.shift())

          /** The answer, or nothing when the store said that it does not know. */
          const tried = async <T>(act: () => Promise<T>): Promise<{ readonly answer: T } | undefined> => {
            const started = performance.now()
            try {
              return { answer: await act() }
            } catch (error) {
              if (!(error instanceof AlcidesError) || !honest.has(error.code)) throw error
              return undefined
            } finally {
              expect(performance.now() - started).toBeLessThan(30_000)
            }
          }

          for (const operation of operations) {
            const text = `${operation} ${randomUUID()}`
            const isThere = contents.has(current)
            switch (operation) {
              case "put":
              case "delete":
              case "rollback": {
                if (operation === "delete" && !isThere) break
                const made = await tried(async () => {
                  if (operation === "delete") return store.delete("a.json", { writer })
                  if (operation === "rollback") return store.rollback("a.json", { to: first.version, writer })
                  return store.put("a.json", bytes(text), { base: isThere ? current : "absent", writer })
                })
                const after = operation === "delete" ? undefined : operation === "rollback" ? "start" : text
                const [newest] = (await direct.history("a.json")) ?? []
                if (made !== undefined) expect(newest?.version).toBe(made.answer.version)
                if (made !== undefined) expect(made.answer.version).toBe(current + 1)
                expect([current, current + 1]).toContain(newest?.version)
                if (newest?.version === current + 1 && after !== undefined) contents.set(current + 1, after)
                current = newest?.version ?? current
                break
              }
              case "get": {
                const got = await tried(() => read(store))
                if (got !== undefined) expect(got.answer).toBe(contents.get(current))
                break
              }
              case "history": {
                const got = await tried(() => store.history("a.json"))
                if (got !== undefined) expect(got.answer?.[0]?.version).toBe(current)
                break
              }
              case "list": {
                const got = await tried(() => store.list())
                if (got !== undefined) expect(got.answer.map(({ name }) => name)).toEqual(isThere ? ["a.json"] : [])
                break
              }
              case "acquire": {
                if (lease !== undefined) break
                const asked = request()
                const got = await tried(() => store.acquire(asked))
                const held = (await direct.locks()).flatMap(({ leases }) => leases)
                if (got?.answer.outcome === "acquired") {
                  lease = got.answer.lease.id
                  expect(held).toMatchObject([{ id: lease }])
                } else {
                  expect(got).toBeUndefined()
                  await direct.withdraw(asked.lock, asked.idempotencyKey)
                }
                break
              }
              case "renew": {
                const id = lease
                if (id === undefined) break
                const got = await tried(() => store.renew(id, { ttl: 600 }))
                const [held] = (await direct.locks()).flatMap(({ leases }) => leases)
                expect(held?.id).toBe(id)
                if (got !== undefined) expect(held?.expires).toBe(got.answer.expires)
                break
              }
              case "release": {
                const id = lease
                if (id === undefined) break
                const got = await tried(() => store.release(id))
                const held = (await direct.locks()).flatMap(({ leases }) => leases)
                if (got !== undefined) expect(held).toEqual([])
                if (held.length === 0) lease = undefined
                break
              }
              case "locks": {
                const got = await tried(() => store.locks())
                const held = got?.answer.flatMap(({ leases }) => leases.map(({ id }) => id))
                if (held !== undefined) expect(held).toEqual(lease === undefined ? [] : [lease])
                break
              }
              default:
                throw new Error(operation)
            }
          }
          for (const [version, text] of contents) expect(await read(direct, version)).toBe(text)
          proxy.plan(() => undefined)
          expect(await read(store)).toBe(contents.get(current))
        }),
        { numRuns: Number(process.env["ALCIDES_TEST_FAULT_RUNS"] ?? 40) },
      )
    },
  )
})
