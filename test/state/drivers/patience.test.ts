import { expect, test } from "vitest"
import { patience, retryAfter } from "../../../src/state/drivers/patience.ts"

const limits = { deadline: 10_000, firstPause: 1, longestPause: 2, mostAttempts: 5 }
const busy = { code: "busy" }

async function attempts(another: () => Promise<boolean>): Promise<number> {
  let count = 1
  while (await another()) count += 1
  return count
}

test("ends after so many attempts, fewer where more make no sense, and counts each reason by itself", async () => {
  const all = patience(limits)
  expect(await attempts(() => all.another(busy))).toBe(5)
  const few = patience(limits, ({ code }) => (code === "busy" ? 3 : 1))
  expect(await few.another(busy)).toBe(true)
  expect(await few.another(busy)).toBe(true)
  expect(await few.another({ code: "refused" })).toBe(false)
  const turns = patience(limits, () => 2)
  expect(await turns.another({ code: "one" })).toBe(true)
  expect(await turns.another({ code: "two" })).toBe(true)
  expect(await turns.another({ code: "one" })).toBe(false)
})

test("waits as long as the server asks to, but for nothing beyond the deadline", async () => {
  const trying = patience(limits)
  const began = performance.now()
  expect(await trying.another({ ...busy, retryAfter: 60 })).toBe(true)
  expect(performance.now() - began).toBeGreaterThan(58)
  expect(await trying.another({ ...busy, retryAfter: 10_001 })).toBe(false)
})

test("Retry-After is a number of seconds, or a date of the server's clock, whatever this machine's says", () => {
  const date = "Fri, 21 Nov 2003 12:00:00 GMT"
  expect(retryAfter({ after: "2", date })).toBe(2_000)
  expect(retryAfter({ after: "2", date: undefined })).toBe(2_000)
  expect(retryAfter({ after: "Fri, 21 Nov 2003 12:00:05 GMT", date })).toBe(5_000)
  expect(retryAfter({ after: "Fri, 21 Nov 2003 11:00:00 GMT", date })).toBe(0)
  expect(retryAfter({ after: "Fri, 21 Nov 2003 12:00:05 GMT", date: undefined })).toBeUndefined()
  for (const after of [undefined, "", "soon", "-1x"]) expect(retryAfter({ after, date })).toBeUndefined()
})
