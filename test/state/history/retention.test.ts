import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { pinVersion, pruneVersions, unusedBlobs, type Retention } from "../../../src/state/history/retention.ts"
import * as rules from "../../../src/state/records/state-record.ts"
import type { StateRecord, VersionRecord } from "../../../src/state/records/state-record.ts"
import { day, numbersOf, putAt, recordOf, writeAt } from "../support/state-records.ts"

const pin = { by: "bob", at: "2026-11-21T00:00:00.000Z" }

function kept(record: StateRecord, retention: Retention & { readonly now: number }): readonly number[] {
  return numbersOf(pruneVersions(record, retention).record.versions)
}

describe("pruneVersions", () => {
  const five = recordOf(1, 2, 3, 4, 5)

  it("keeps the newest N", () => {
    expect(kept(five, { keepLast: 2, now: 6 * day })).toEqual([4, 5])
    expect(kept(five, { keepLast: 9, now: 6 * day })).toEqual([1, 2, 3, 4, 5])
    // By a clock that is behind the one of the last put.
    expect(kept(five, { keepLast: 2, now: 5 * day - 1 })).toEqual([4, 5])
  })

  it("keeps what was current in the last D days, however old it is", () => {
    expect(kept(five, { keepDays: 2, now: 6 * day })).toEqual([4, 5])
    expect(kept(five, { keepDays: 2, now: 6 * day + 1 })).toEqual([4, 5])
    expect(kept(five, { keepDays: 2, now: 6 * day - 1 })).toEqual([3, 4, 5])
    expect(kept(five, { keepDays: 1, now: 1000 * day })).toEqual([5])
    expect(kept(recordOf(1, 999), { keepDays: 30, now: 1000 * day })).toEqual([1, 2])
  })

  it("keeps what either rule wants", () => {
    expect(kept(five, { keepLast: 1, keepDays: 2, now: 6 * day - 1 })).toEqual([3, 4, 5])
    expect(kept(five, { keepLast: 4, keepDays: 2, now: 6 * day })).toEqual([2, 3, 4, 5])
  })

  it("keeps what is pinned, and gives back the same record when there is nothing to remove", () => {
    const pinned = pinVersion(five, { version: 2, pin })
    expect(kept(pinned, { keepLast: 1, now: 9 * day })).toEqual([2, 5])
    const { record, removed } = pruneVersions(five, { keepLast: 5, now: 9 * day })
    expect(record).toBe(five)
    expect(removed).toEqual([])
  })

  it("does not count deletions, and never removes the newest version, also when it is one", () => {
    const deleted = rules.deleteVersion(recordOf(1, 2), writeAt(3 * day))
    expect(kept(deleted, { keepLast: 1, now: 9 * day })).toEqual([2, 3])
    expect(kept(putAt(deleted, 4 * day), { keepLast: 1, now: 9 * day })).toEqual([4])
    expect(kept(deleted, { keepDays: 1, now: 9 * day })).toEqual([3])
    expect(numbersOf(putAt(pruneVersions(deleted, { keepDays: 1, now: 9 * day }).record, 9 * day).versions)).toEqual([
      3, 4,
    ])
  })
})

describe("unusedBlobs", () => {
  it("leaves a content that a kept version shares", () => {
    const before = rules.rollBackVersion(recordOf(1, 2, 3), { ...writeAt(4 * day), to: 1 })
    const { record, removed } = pruneVersions(before, { keepLast: 1, now: 9 * day })
    expect(numbersOf(removed)).toEqual([1, 2, 3])
    expect(unusedBlobs(record, removed)).toEqual(before.versions.slice(1, 3).map(({ blob, size }) => ({ blob, size })))
    expect(record.versions).toMatchObject([{ version: 4, rollbackOf: 1, blob: before.versions[0]?.blob }])
  })
})

describe("pinVersion", () => {
  it("says who and when, again with the last word, and not any more", () => {
    const record = recordOf(1, 2)
    const pinned = pinVersion(record, { version: 1, pin: { ...pin, reason: "before the move" } })
    expect(pinned.versions).toMatchObject([{ version: 1, pinned: { by: "bob", reason: "before the move" } }, {}])
    expect(pinVersion(pinned, { version: 1, pin }).versions[0]?.pinned).toEqual(pin)
    expect(pinVersion(pinned, { version: 1, pin: undefined })).toEqual(record)
    expect(pinVersion(record, { version: 1, pin: undefined })).toBe(record)
  })

  it("refuses a version that is not there, was pruned, or is a deletion", () => {
    const { record } = pruneVersions(recordOf(1, 2, 3), { keepLast: 2, now: 9 * day })
    const deleted = rules.deleteVersion(record, writeAt(4 * day))
    const refusal = (version: number): unknown => {
      try {
        return pinVersion(deleted, { version, pin })
      } catch (error) {
        return error
      }
    }
    expect(refusal(1)).toMatchObject({ code: "state-version-absent", message: 'version 1 of "a.json" was pruned' })
    expect(refusal(4)).toMatchObject({ message: '"a.json" has no version 4 with content' })
    expect(refusal(5)).toMatchObject({
      message: '"a.json" has no version 5 with content',
      hint: expect.stringContaining("2, 3"),
    })
  })
})

describe("any sequence of puts, rollbacks, deletes, pins and prunes", () => {
  type Step =
    | { readonly kind: "put" }
    | { readonly kind: "delete" }
    | { readonly kind: "rollback" | "pin" | "unpin"; readonly pick: number }
    | { readonly kind: "prune"; readonly keepLast?: number; readonly keepDays?: number }

  const pick = fc.nat(30)
  const rule = fc.integer({ min: 1, max: 6 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.constant<Step>({ kind: "put" }) },
    fc.constant<Step>({ kind: "delete" }),
    fc.record({ kind: fc.constantFrom("rollback" as const, "pin" as const, "unpin" as const), pick }),
    fc.oneof(
      fc.record({ kind: fc.constant("prune" as const), keepLast: rule }),
      fc.record({ kind: fc.constant("prune" as const), keepDays: rule }),
      fc.record({ kind: fc.constant("prune" as const), keepLast: rule, keepDays: rule }),
    ),
  )

  /** Every version that ever was, as it was written. */
  type Ever = Map<number, VersionRecord>

  const checkPrune = (
    before: StateRecord,
    ever: Ever,
    retention: Retention & { readonly now: number },
  ): StateRecord => {
    const { keepLast = 0, keepDays = 0, now } = retention
    const { record: after, removed } = pruneVersions(before, retention)
    const numbers = new Set(numbersOf(after.versions))
    // Nothing is changed, nothing appears, and what is gone is what is said to be removed.
    expect([...after.versions, ...removed].toSorted((a, b) => a.version - b.version)).toEqual(before.versions)
    expect(after.versions.at(-1)).toBe(before.versions.at(-1))
    expect(removed.filter(({ pinned }) => pinned !== undefined)).toEqual([])
    const withContent = before.versions.filter(({ blob }) => blob !== undefined)
    for (const { version } of withContent.slice(-keepLast)) if (keepLast > 0) expect(numbers).toContain(version)
    // Whatever was current at a moment of the last days is there.
    const all = [...ever.values()]
    for (const [index, { version }] of all.entries()) {
      const replaced = all[index + 1]?.created
      const wasCurrent = replaced === undefined || Date.parse(replaced) > now - keepDays * day
      if (keepDays > 0 && wasCurrent && before.versions.some((one) => one.version === version))
        expect(numbers).toContain(version)
    }
    // A content goes when the last version that has it is gone, and not before.
    const named = new Set(after.versions.map(({ blob }) => blob))
    const unused = unusedBlobs(after, removed).map(({ blob }) => blob)
    expect(unused.filter((blob) => named.has(blob))).toEqual([])
    const gone = removed.flatMap(({ blob }) => (blob === undefined || named.has(blob) ? [] : [blob]))
    expect(new Set(unused)).toEqual(new Set(gone))
    expect(pruneVersions(after, retention).record).toBe(after)
    for (const { version } of removed) expect(rules.isPruned(after.versions, version)).toBe(true)
    return after
  }

  const attempt = (act: () => StateRecord, otherwise: StateRecord): StateRecord => {
    try {
      return act()
    } catch {
      return otherwise
    }
  }

  it("keeps what it must, gives each number once, and changes no version", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.integer({ min: 1, max: 3 * day })), { maxLength: 60 }), (steps) => {
        let record = rules.emptyStateRecord("a.json")
        const ever: Ever = new Map()
        let now = 0
        for (const [one, pause] of steps) {
          now += pause
          const before = record
          const last = before.versions.at(-1)?.version ?? 0
          if (one.kind === "put") record = putAt(before, now)
          else if (one.kind === "delete") record = attempt(() => rules.deleteVersion(before, writeAt(now)), before)
          else if (one.kind === "rollback")
            record = attempt(() => rules.rollBackVersion(before, { ...writeAt(now), to: one.pick }), before)
          else if (one.kind === "prune") record = checkPrune(before, ever, { ...one, now })
          else {
            const wanted = one.kind === "pin" ? pin : undefined
            record = attempt(() => pinVersion(before, { version: one.pick, pin: wanted }), before)
          }
          const newest = record.versions.at(-1)
          if (newest !== undefined && newest.version !== last) {
            expect(newest.version).toBe(last + 1)
            expect(ever.has(newest.version)).toBe(false)
            ever.set(newest.version, newest)
          }
          for (const { pinned: _, ...version } of record.versions) expect(ever.get(version.version)).toEqual(version)
        }
      }),
      { numRuns: 300 },
    )
  })
})
