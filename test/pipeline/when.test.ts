import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { describeWhen, lastDue, parseWhen, type Weekday, type When } from "../../src/pipeline/when.ts"

const weekdays: readonly Weekday[] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const minute = 60_000

// Walks back minute by minute, and asks each whether it matches.
function naiveLastDue(when: When, now: Date, days: number): Date | undefined {
  const hours = when.hour === undefined ? [0] : typeof when.hour === "number" ? [when.hour] : when.hour
  let moment = new Date(Math.floor(now.getTime() / minute) * minute)
  for (const end = now.getTime() - days * 24 * 60 * minute; moment.getTime() > end;) {
    const day = weekdays[moment.getUTCDay()]
    if (
      moment.getUTCMinutes() === (when.minute ?? 0) &&
      hours.includes(moment.getUTCHours()) &&
      (when.dayOfWeek === undefined || (day !== undefined && when.dayOfWeek.includes(day))) &&
      (when.dayOfMonth === undefined || when.dayOfMonth.includes(moment.getUTCDate()))
    ) {
      return moment
    }
    moment = new Date(moment.getTime() - minute)
  }
  return undefined
}

const nonEmpty = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.uniqueArray(values, { minLength: 1, maxLength: 4 })
const whens: fc.Arbitrary<When> = fc.record(
  {
    minute: fc.integer({ min: 0, max: 59 }),
    hour: fc.oneof(fc.integer({ min: 0, max: 23 }), nonEmpty(fc.integer({ min: 0, max: 23 }))),
    dayOfWeek: nonEmpty(fc.constantFrom(...weekdays)),
    dayOfMonth: nonEmpty(fc.integer({ min: 1, max: 31 })),
  },
  { requiredKeys: [] },
)
const moments = fc.date({
  min: new Date("2023-01-01T00:00:00Z"),
  max: new Date("2032-12-31T23:59:59Z"),
  noInvalidDate: true,
})

describe("lastDue", () => {
  it("is what a walk back minute by minute finds", () => {
    const days = 70
    fc.assert(
      fc.property(whens, moments, (when, now) => {
        const naive = naiveLastDue(when, now, days)
        const found = lastDue(when, now)
        if (naive !== undefined) expect(found).toEqual(naive)
        else if (found !== undefined)
          expect(now.getTime() - found.getTime()).toBeGreaterThanOrEqual(days * 24 * 60 * minute - minute)
      }),
      { numRuns: 60 },
    )
  })

  it("counts the very moment, not the second before it, and crosses leap days", () => {
    const when = { hour: 2, minute: 30 }
    expect(lastDue(when, new Date("2024-03-01T02:30:00Z"))).toEqual(new Date("2024-03-01T02:30:00Z"))
    expect(lastDue(when, new Date("2024-03-01T02:29:59Z"))).toEqual(new Date("2024-02-29T02:30:00Z"))
    expect(lastDue({ dayOfMonth: [31] }, new Date("2024-03-30T12:00:00Z"))).toEqual(new Date("2024-01-31T00:00:00Z"))
  })
})

describe("parseWhen", () => {
  it("takes any field or none, and days in any case", () => {
    expect(parseWhen("n", {})).toEqual({})
    expect(parseWhen("n", { minute: 59, hour: [0, 23], dayOfWeek: ["mon", "SUN"], dayOfMonth: [1, 31] })).toEqual({
      minute: 59,
      hour: [0, 23],
      dayOfWeek: ["Mon", "Sun"],
      dayOfMonth: [1, 31],
    })
  })

  it.each([
    [undefined, /^onSchedule\.nightly\.when: Invalid input: expected object/],
    [{ minute: 60 }, /^onSchedule\.nightly\.when\.minute: Too big/],
    [{ minute: 1.5 }, /^onSchedule\.nightly\.when\.minute: /],
    [{ hour: 24 }, /^onSchedule\.nightly\.when\.hour: /],
    [{ hour: [] }, /^onSchedule\.nightly\.when\.hour: /],
    [{ dayOfWeek: ["Monday"] }, /^onSchedule\.nightly\.when\.dayOfWeek\.0: expected one of Sun, .*, got "Monday"$/],
    [{ dayOfWeek: [] }, /^onSchedule\.nightly\.when\.dayOfWeek: /],
    [{ dayOfMonth: [0] }, /^onSchedule\.nightly\.when\.dayOfMonth\.0: /],
    [{ minutes: 5 }, /^onSchedule\.nightly\.when: Unrecognized key: "minutes"$/],
  ])("refuses %j", (when, message) => {
    expect(() => parseWhen("nightly", when)).toThrow(
      expect.objectContaining({ code: "schedule-invalid", exit: 2, message: expect.stringMatching(message) }),
    )
  })
})

describe("describeWhen", () => {
  it.each([
    [{}, "daily at 00:00 UTC"],
    [{ minute: 5, hour: 2 }, "daily at 02:05 UTC"],
    [{ minute: 30, hour: [2, 14], dayOfWeek: ["Mon", "Thu"] }, "Mon, Thu at 02:30, 14:30 UTC"],
    [{ dayOfMonth: [1, 15] }, "day 1, 15 of the month at 00:00 UTC"],
    [{ dayOfMonth: [1], dayOfWeek: ["Mon"] }, "Mon and day 1 of the month at 00:00 UTC"],
  ] satisfies readonly [When, string][])("%j is %j", (when, words) => {
    expect(describeWhen(when)).toBe(words)
  })

  it("names every hour and every day", () => {
    fc.assert(
      fc.property(whens, (when) => {
        const words = describeWhen(when)
        const hours = when.hour === undefined ? [0] : typeof when.hour === "number" ? [when.hour] : when.hour
        const times = hours.map(
          (hour) => `${String(hour).padStart(2, "0")}:${String(when.minute ?? 0).padStart(2, "0")}`,
        )
        for (const part of [...times, ...(when.dayOfWeek ?? []), ...(when.dayOfMonth ?? []).map(String)]) {
          expect(words).toContain(part)
        }
        expect(words.endsWith(" UTC")).toBe(true)
      }),
    )
  })
})
