import * as fc from "fast-check"
import { expect, test } from "vitest"
import { serverClock } from "../../../src/state/drivers/s3-clock.ts"

const start = Date.parse("2026-11-21T10:00:00Z")
const dateAt = (time: number): string => new Date(Math.floor(time / 1000) * 1000).toUTCString()

/** An answer that the server makes `there` after it was asked, and that arrives `back` later. */
const answerAt = (server: number, { sent, there, back }: { sent: number; there: number; back: number }) => ({
  date: dateAt(server + there),
  sent,
  received: sent + there + back,
})

test("knows nothing before the first answer, and nothing from an answer without a time", () => {
  const clock = serverClock(() => 0)
  expect(clock.now()).toBeUndefined()
  for (const date of [undefined, "", "yesterday"]) clock.answered({ date, sent: 0, received: 1 })
  expect(clock.now()).toBeUndefined()
})

test("is never ahead of the server, never goes back, and lags by no more than a second and the way", () => {
  const way = fc.integer({ min: 0, max: 800 })
  const answers = fc.array(fc.record({ pause: fc.integer({ min: 0, max: 5_000 }), there: way, back: way }), {
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), answers, (ahead, all) => {
      let monotonic = 0
      const clock = serverClock(() => monotonic)
      const server = () => start + ahead + monotonic
      let last = 0
      for (const { pause, there, back } of all) {
        monotonic += pause
        const answer = answerAt(server(), { sent: monotonic, there, back })
        monotonic = answer.received
        clock.answered(answer)
        const now = clock.now() ?? Number.NaN
        expect(now).toBeLessThanOrEqual(server())
        expect(now).toBeGreaterThan(server() - 1002 - there - back)
        expect(now).toBeGreaterThanOrEqual(last)
        last = now
      }
    }),
  )
})

test("many answers say more than a second", () => {
  let monotonic = 0
  const clock = serverClock(() => monotonic)
  for (; monotonic < 3_000; monotonic += 50)
    clock.answered(answerAt(start + 400 + monotonic, { sent: monotonic, there: 1, back: 1 }))
  expect(start + 400 + monotonic - (clock.now() ?? 0)).toBeLessThan(60)
})

test("one answer against all before it moves nothing; two that agree do, as when the server's clock is set or this machine slept", () => {
  const clock = serverClock(() => 0)
  const tell = (time: number) => clock.answered({ date: dateAt(time), sent: 0, received: 0 })
  tell(start)
  tell(start + 3600_000)
  expect(clock.now()).toBe(start)
  tell(start)
  tell(start + 7200_000)
  expect(clock.now()).toBe(start)
  tell(start + 7200_000)
  expect(clock.now()).toBe(start + 7200_000)
})
