import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  acquireLease,
  breakLease,
  emptyLockRecord,
  heldLeases,
  lockRecordSchema,
  lockStatus,
  releaseLease,
  renewLease,
  waiterKept,
  withdrawRequest,
  type LockRecord,
} from "../../../src/state/records/lock-record.ts"
import { parseRecord } from "../../../src/state/records/records.ts"
import type { LeaseRequest } from "../../../src/state/store.ts"

const empty = emptyLockRecord({ project: "github/o/r", lock: "production" })
const start = Date.parse("2026-01-01T00:00:00Z")

const request = (key: string, more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  lock: "production",
  exclusive: true,
  description: "",
  holder: { by: key },
  ttl: 10,
  idempotencyKey: key,
  queue: true,
  ...more,
})

type Op =
  | {
      readonly kind: "acquire"
      readonly who: number
      readonly exclusive: boolean
      readonly queue: boolean
      readonly child: boolean
    }
  | { readonly kind: "renew" | "release" | "withdraw"; readonly who: number }
  | { readonly kind: "break" }
  | { readonly kind: "pass"; readonly seconds: number }

const who = fc.nat({ max: 4 })
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      who,
      exclusive: fc.boolean(),
      queue: fc.boolean(),
      child: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("renew" as const, "release" as const, "withdraw" as const), who }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "break" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.nat({ max: 40 }) }) },
)

type World = { readonly record: LockRecord; readonly now: number; readonly serial: number }

function step({ record, now, serial }: World, op: Op): World {
  const next = (record: LockRecord): World => ({ record, now: now + 1, serial: serial + 1 })
  if (op.kind === "pass") return { record, now: now + op.seconds * 1000, serial }
  if (op.kind === "break") return next(breakLease(record, { by: "admin", reason: undefined, now }).record)
  const key = `w${op.who}`
  if (op.kind === "withdraw") return next(withdrawRequest(record, key))
  if (op.kind === "acquire") {
    const ancestors = op.child
      ? heldLeases(record, now)
          .slice(0, 1)
          .map(({ id }) => id)
      : []
    const asked = request(key, { exclusive: op.exclusive, queue: op.queue })
    return next(acquireLease(record, { request: asked, id: `lease-${serial}`, ancestors, now }).record)
  }
  const mine = record.leases.find(({ idempotencyKey }) => idempotencyKey === key)?.id ?? "none"
  if (op.kind === "renew")
    return next(renewLease(record, { id: mine, ttl: 10, description: undefined, now })?.record ?? record)
  return next(releaseLease(record, { id: mine, now })?.record ?? record)
}

describe("whatever happens to a lock", () => {
  const histories = fc.array(op, { maxLength: 60 })

  test("an exclusive lease is alone, but for those granted beside it on purpose", () => {
    fc.assert(
      fc.property(
        fc.array(
          op.map((one) => (one.kind === "acquire" ? { ...one, child: false } : one)),
          { maxLength: 60 },
        ),
        (ops) => {
          let world: World = { record: empty, now: start, serial: 0 }
          for (const one of ops) {
            world = step(world, one)
            const held = heldLeases(world.record, world.now)
            expect(held.some(({ exclusive }) => exclusive) ? held.length : 1).toBe(1)
          }
        },
      ),
    )
  })

  test("tokens only grow, and every exclusive lease has its own", () => {
    fc.assert(
      fc.property(histories, (ops) => {
        let world: World = { record: empty, now: start, serial: 0 }
        const given = new Map<number, string>()
        for (const one of ops) {
          const before = world.record.token
          world = step(world, one)
          expect(world.record.token).toBeGreaterThanOrEqual(before)
          for (const { exclusive, token, id } of world.record.leases) {
            expect(token).toBeLessThanOrEqual(world.record.token)
            if (exclusive) expect(given.get(token) ?? id).toBe(id)
            if (exclusive) given.set(token, id)
          }
        }
      }),
    )
  })

  test("nobody is twice in it, and it can be written and read again", () => {
    fc.assert(
      fc.property(histories, (ops) => {
        const { record } = ops.reduce(step, { record: empty, now: start, serial: 0 })
        const keys = record.queue.map(({ idempotencyKey }) => idempotencyKey)
        expect(new Set(keys).size).toBe(keys.length)
        const holders = record.leases.map(({ idempotencyKey }) => idempotencyKey)
        expect(new Set([...keys, ...holders]).size).toBeGreaterThanOrEqual(Math.max(keys.length, holders.length))
        expect(parseRecord({ text: JSON.stringify(record), schema: lockRecordSchema, where: "here" })).toEqual(record)
      }),
    )
  })

  test("those who keep asking get it in the order in which they came", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 2 }),
        fc.array(fc.nat({ max: 5 }), { maxLength: 40 }),
        (arrivals, polls) => {
          let now = start
          let record = acquireLease(empty, {
            request: request("holder", { ttl: 1e6 }),
            id: "held",
            ancestors: [],
            now,
          }).record
          const ask = (who: number) => {
            now += 500
            const { record: next, answer } = acquireLease(record, {
              request: request(`w${who}`, { ttl: 1e6 }),
              id: `w${who}`,
              ancestors: [],
              now,
            })
            record = next
            return answer.outcome
          }
          for (const who of arrivals) expect(ask(who)).toBe("blocked")
          record = releaseLease(record, { id: "held", now })?.record ?? record
          const granted: number[] = []
          for (const who of [...polls, ...arrivals, ...arrivals, ...arrivals, ...arrivals, ...arrivals, ...arrivals]) {
            if (!arrivals.includes(who) || granted.includes(who)) continue
            if (ask(who) === "acquired") {
              granted.push(who)
              record = releaseLease(record, { id: `w${who}`, now })?.record ?? record
            }
          }
          expect(granted).toEqual(arrivals)
        },
      ),
    )
  })
})

describe("the queue", () => {
  test("forgets who has not asked for a while, and keeps who has", () => {
    const held = acquireLease(empty, {
      request: request("holder", { ttl: 1e6 }),
      id: "held",
      ancestors: [],
      now: start,
    }).record
    let { record } = acquireLease(held, { request: request("dead"), id: "a", ancestors: [], now: start })
    record = acquireLease(record, { request: request("alive"), id: "b", ancestors: [], now: start }).record
    record = acquireLease(record, {
      request: request("alive"),
      id: "b",
      ancestors: [],
      now: start + waiterKept - 1,
    }).record
    const now = start + waiterKept
    expect(lockStatus(record, now).waiting).toBe(1)
    record = releaseLease(record, { id: "held", now })?.record ?? record
    expect(acquireLease(record, { request: request("alive"), id: "c", ancestors: [], now }).answer.outcome).toBe(
      "acquired",
    )
  })

  test("does not write at every poll", () => {
    const held = acquireLease(empty, { request: request("holder"), id: "held", ancestors: [], now: start }).record
    const { record } = acquireLease(held, { request: request("waiter"), id: "a", ancestors: [], now: start })
    expect(acquireLease(record, { request: request("waiter"), id: "a", ancestors: [], now: start + 1000 }).record).toBe(
      record,
    )
    expect(
      acquireLease(record, { request: request("waiter"), id: "a", ancestors: [], now: start + 6000 }).record,
    ).not.toBe(record)
  })

  test("lets a child of the holder pass, for who waits for the holder must not keep it waiting", () => {
    const held = acquireLease(empty, { request: request("holder"), id: "held", ancestors: [], now: start }).record
    const { record } = acquireLease(held, { request: request("waiter"), id: "a", ancestors: [], now: start })
    expect(
      acquireLease(record, { request: request("child"), id: "b", ancestors: ["held"], now: start }).answer,
    ).toMatchObject({ outcome: "acquired", lease: { token: 2 } })
  })
})
