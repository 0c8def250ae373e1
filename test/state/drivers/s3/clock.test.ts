import { expect, onTestFinished, test } from "vitest"
import { testClocks } from "../../clocks.ts"
import { faultyStorage } from "../../support/faulty-storage.ts"
import { s3Storage } from "../../support/s3-storage.ts"

testClocks("s3 (Ceph 16.2)", s3Storage)

const request = {
  lock: "production",
  exclusive: true,
  description: "",
  holder: { by: "alice" },
  ttl: 60,
  idempotencyKey: "key",
  queue: false,
}

test("time is what the server says, not what this machine says", async () => {
  const { proxy, openThroughProxy, remove } = await faultyStorage()
  onTestFinished(remove)
  for (const ms of [120_000, -120_000]) {
    proxy.plan(() => ({ kind: "date", ms }))
    const store = await openThroughProxy()
    const answer = await store.acquire({ ...request, lock: `off by ${ms}` })
    const acquired = answer.outcome === "acquired" ? Date.parse(answer.lease.acquired) : 0
    expect(Math.abs(acquired - Date.now() - ms)).toBeLessThan(5_000)
  }
})

test("a gateway that answers instead of the server says nothing about the time", async () => {
  const { proxy, openThroughProxy, openDirectly, remove } = await faultyStorage()
  onTestFinished(remove)
  const answer = await (await openDirectly()).acquire({ ...request, ttl: 60 })
  expect(answer.outcome).toBe("acquired")
  const store = await openThroughProxy()
  const tomorrow = new Date(Date.now() + 24 * 3600_000).toUTCString()
  let asked = 0
  proxy.plan(() => {
    asked += 1
    return asked > 3 ? undefined : { kind: "answer", status: 503, done: false, date: tomorrow }
  })
  expect(await store.acquire({ ...request, idempotencyKey: "other" })).toMatchObject({ outcome: "blocked" })
  expect(asked).toBeGreaterThan(3)
})
