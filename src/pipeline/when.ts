import { usageError } from "../errors.ts"
import * as z from "../schema.ts"

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const
export type Weekday = (typeof weekdays)[number]

/** When a scheduled job is due, in UTC. What is left out matches always, but for the minute and the hour, which are then 0. */
export type When = {
  /** 0 to 59. */
  readonly minute?: number
  /** 0 to 23. */
  readonly hour?: number | readonly number[]
  readonly dayOfWeek?: readonly Weekday[]
  /** 1 to 31. */
  readonly dayOfMonth?: readonly number[]
}

const between = (least: number, most: number): z.ZodMiniNumberFormat => z.int().check(z.minimum(least), z.maximum(most))
const someOf = <T extends z.ZodMiniType>(item: T): z.ZodMiniArray<T> => z.array(item).check(z.minLength(1))

const hour = between(0, 23)
const weekday = z.pipe(
  z.string(),
  z.transform((text, { issues }): Weekday => {
    const found = weekdays.find((day) => day.toLowerCase() === text.toLowerCase())
    if (found !== undefined) return found
    const message = `expected one of ${weekdays.join(", ")}, got ${JSON.stringify(text)}`
    issues.push({ code: "custom", input: text, message })
    return z.NEVER
  }),
)

const whenSchema = z.strictObject({
  minute: z.exactOptional(between(0, 59)),
  hour: z.exactOptional(z.union([hour, someOf(hour)])),
  dayOfWeek: z.exactOptional(someOf(weekday)),
  dayOfMonth: z.exactOptional(someOf(between(1, 31))),
})

/** Checks a `when`. Throws `schedule-invalid` naming the job and the field. */
export function parseWhen(job: string, when: unknown): When {
  const parsed = whenSchema.safeParse(when)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw usageError({
    code: "schedule-invalid",
    message: `onSchedule.${job}.when${issue === undefined ? "" : [...issue.path.map((key) => `.${String(key)}`), ": ", issue.message].join("")}`,
    hint: 'write { minute: 30, hour: [2, 14], dayOfWeek: ["Mon"], dayOfMonth: [1] }; times are UTC',
  })
}

/** The last moment at or before `now` at which the job was due; `undefined` when there is none within 400 days. */
export function lastDue(when: When, now: Date): Date | undefined {
  const hours = when.hour === undefined ? [0] : typeof when.hour === "number" ? [when.hour] : when.hour
  const latestFirst = [...hours].sort((a, b) => b - a)
  for (let daysBack = 0; daysBack <= 400; daysBack++) {
    const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - daysBack))
    const weekday = weekdays[day.getUTCDay()]
    if (when.dayOfWeek !== undefined && (weekday === undefined || !when.dayOfWeek.includes(weekday))) continue
    if (when.dayOfMonth !== undefined && !when.dayOfMonth.includes(day.getUTCDate())) continue
    for (const hour of latestFirst) {
      const moment = new Date(day.getTime() + (hour * 60 + (when.minute ?? 0)) * 60_000)
      if (moment <= now) return moment
    }
  }
  return undefined
}

/** The schedule in words: `Mon, Thu at 02:30 UTC`. */
export function describeWhen(when: When): string {
  const two = (value: number): string => String(value).padStart(2, "0")
  const hours = when.hour === undefined ? [0] : typeof when.hour === "number" ? [when.hour] : when.hour
  const days = [
    ...(when.dayOfWeek === undefined ? [] : [when.dayOfWeek.join(", ")]),
    ...(when.dayOfMonth === undefined ? [] : [`day ${when.dayOfMonth.join(", ")} of the month`]),
  ]
  return `${days.length === 0 ? "daily" : days.join(" and ")} at ${hours.map((hour) => `${two(hour)}:${two(when.minute ?? 0)}`).join(", ")} UTC`
}
