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
import type { Lease, LeaseRequest } from "../../../src/state/store.ts"

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
      /** Which of those who hold it is the parent, if any. */
      readonly below: number | undefined
    }
  | { readonly kind: "renew" | "release" | "withdraw"; readonly who: number }
  | { readonly kind: "break"; readonly only: readonly number[] | undefined }
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
      below: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("renew" as const, "release" as const, "withdraw" as const), who }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("break" as const),
      only: fc.option(fc.array(fc.nat({ max: 3 })), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.nat({ max: 40 }) }) },
)

type World = {
  readonly record: LockRecord
  readonly now: number
  readonly serial: number
  /** The ancestors of every lease that was ever granted. */
  readonly lines: ReadonlyMap<string, readonly string[]>
  /** The lease that the last step granted. */
  readonly granted?: Lease
}

const first: World = { record: empty, now: start, serial: 0, lines: new Map() }

function step({ record, now, serial, lines }: World, op: Op): World {
  const next = (record: LockRecord): World => ({ record, now: now + 1, serial: serial + 1, lines })
  if (op.kind === "pass") return { record, now: now + op.seconds * 1000, serial, lines }
  const held = heldLeases(record, now)
  if (op.kind === "break") {
    const only = op.only?.flatMap((index) => held[index]?.id ?? [])
    const broken = breakLease(record, { by: "admin", reason: undefined, only, now })
    const meant = held.filter(({ id }) => only?.includes(id) ?? true)
    expect(broken.answer).toEqual(meant)
    expect(heldLeases(broken.record, now)).toEqual(held.filter((lease) => !meant.includes(lease)))
    expect(broken.record === record).toBe(meant.length === 0)
    return next(broken.record)
  }
  const key = `w${op.who}`
  if (op.kind === "withdraw") return next(withdrawRequest(record, key))
  if (op.kind === "acquire") {
    const parent = op.below === undefined ? undefined : held[op.below]?.id
    const ancestors = parent === undefined ? [] : [parent, ...(lines.get(parent) ?? [])]
    const asked = request(key, { exclusive: op.exclusive, queue: op.queue, ...(parent !== undefined && { parent }) })
    const id = `lease-${serial}`
    const { record: after, answer } = acquireLease(record, { request: asked, id, ancestors, now })
    if (answer.outcome !== "acquired") return next(after)
    // Also when it is one that was granted before.
    expect(answer.lease.exclusive || !op.exclusive).toBe(true)
    if (answer.lease.id !== id) return next(after)
    return { ...next(after), lines: new Map([...lines, [id, ancestors]]), granted: answer.lease }
  }
  const mine = record.leases.find(({ idempotencyKey }) => idempotencyKey === key)?.id ?? "none"
  if (op.kind === "renew")
    return next(renewLease(record, { id: mine, ttl: 10, description: undefined, now })?.record ?? record)
  return next(releaseLease(record, { id: mine, now })?.record ?? record)
}

describe("whatever happens to a lock", () => {
  const histories = fc.array(op, { maxLength: 60 })

  test("an exclusive lease is alone, but for its ancestors and its descendants", () => {
    fc.assert(
      fc.property(histories, (ops) => {
        let world = first
        for (const one of ops) {
          world = step(world, one)
          const held = heldLeases(world.record, world.now)
          const isBelow = (a: Lease, b: Lease): boolean => world.lines.get(a.id)?.includes(b.id) === true
          for (const a of held.filter(({ exclusive }) => exclusive))
            for (const b of held) expect(a.id === b.id || isBelow(a, b) || isBelow(b, a)).toBe(true)
        }
      }),
    )
  })

  test("an exclusive lease has a higher token than all strangers ever had, and who holds the lock beside it goes along", () => {
    fc.assert(
      fc.property(histories, (ops) => {
        let world = first
        const highest = new Map<string, number>()
        for (const one of ops) {
          const before = world.record.token
          world = step(world, one)
          const { record, granted, lines, now } = world
          expect(record.token).toBeGreaterThanOrEqual(before)
          const strangers = [...highest].filter(([id]) => granted && lines.get(granted.id)?.includes(id) !== true)
          if (granted?.exclusive === true)
            for (const [, token] of strangers) expect(granted.token).toBeGreaterThan(token)
          for (const { id, token } of heldLeases(record, now)) {
            expect(token).toBe(record.token)
            highest.set(id, token)
          }
        }
      }),
    )
  })

  test("nobody is twice in it, and it can be written and read again", () => {
    fc.assert(
      fc.property(histories, (ops) => {
        const { record } = ops.reduce(step, first)
        const keys = record.queue.map(({ idempotencyKey }) => idempotencyKey)
        expect(new Set(keys).size).toBe(keys.length)
        // Who shares it may ask for it alone below its own lease.
        const holders = record.leases.map(({ idempotencyKey, exclusive }) => `${idempotencyKey} ${exclusive}`)
        expect(new Set(holders).size).toBe(holders.length)
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

describe("a repeated request", () => {
  const shared = acquireLease(empty, {
    request: request("key", { exclusive: false }),
    id: "shared",
    ancestors: [],
    now: start,
  }).record

  test("that wants it alone now is not answered with what it shares: its own lease is in the way", () => {
    const asked = { request: request("key"), id: "alone", ancestors: [], now: start }
    expect(acquireLease(shared, asked).answer).toMatchObject({ outcome: "blocked", by: [{ id: "shared" }] })
    const { record, answer } = acquireLease(shared, { ...asked, ancestors: ["shared"] })
    expect(answer).toMatchObject({ outcome: "acquired", lease: { id: "alone", exclusive: true } })
    expect(acquireLease(record, { ...asked, id: "again" }).answer).toEqual(answer)
  })

  test("that would share it now is answered with what it has alone", () => {
    const { record, answer } = acquireLease(empty, { request: request("key"), id: "alone", ancestors: [], now: start })
    const again = { request: request("key", { exclusive: false }), id: "shared", ancestors: [], now: start }
    expect(acquireLease(record, again)).toEqual({ record, answer })
  })
})
