import { hostname } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, onTestFinished, test, vi } from "vitest"
import { AlcidesError } from "../../../src/errors.ts"
import { silentLog, type Log } from "../../../src/log.ts"
import { defaultTtl, holdLease, type WaitOptions, type HoldRequest } from "../../../src/state/locks/lease.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { fileStorage } from "../support/file-storage.ts"

async function fresh(): Promise<StateStore> {
  const storage = await fileStorage()
  onTestFinished(() => storage.remove())
  return storage.open(project)
}

const request: HoldRequest = { lock: "production", exclusive: true, description: "deploy", holder: { by: "alice@ci" } }
const now: WaitOptions = { wait: false, log: silentLog }
const warnings = (): { log: Log; lines: string[] } => {
  const lines: string[] = []
  return { lines, log: { ...silentLog, warn: (line) => void lines.push(line) } }
}

test("holds a lease until it is released, twice if one likes", async () => {
  const store = await fresh()
  const held = await holdLease(store, request, now)
  expect(Date.parse(held.lease.expires) - Date.parse(held.lease.acquired)).toBe(defaultTtl * 1000)
  expect(await store.locks()).toMatchObject([{ leases: [{ id: held.lease.id }] }])
  await Promise.all([held.release(), held.release()])
  expect(await store.locks()).toEqual([])
  expect(held.signal.aborted).toBe(false)
})

test("says who has it, why, since when and until when", async () => {
  const store = await fresh()
  const { lease } = await holdLease(store, request, now)
  const text = `the lock "production" was not obtained: it is held by alice@ci on ${hostname()} (deploy) since ${lease.acquired}, until ${lease.expires} unless renewed`
  await expect(holdLease(store, request, now)).rejects.toMatchObject({
    code: "lock-not-obtained",
    exit: 6,
    message: text,
    hint: expect.stringContaining("lock break"),
  })
})

test("waits as long as it was told, then leaves the queue", async () => {
  const store = await fresh()
  await holdLease(store, request, now)
  const started = performance.now()
  await expect(holdLease(store, request, { wait: 0.4, log: silentLog })).rejects.toMatchObject({
    message: expect.stringContaining("was not obtained after 0.4 seconds"),
  })
  expect(performance.now() - started).toBeGreaterThan(390)
  expect(await store.locks()).toMatchObject([{ waiting: 0 }])
})

test("says so when it is free, but others asked before", async () => {
  const store = await fresh()
  const held = await holdLease(store, request, now)
  await store.acquire({ ...request, ttl: 9, idempotencyKey: "first", queue: true })
  await held.release()
  await expect(holdLease(store, request, now)).rejects.toThrow(
    '"production" was not obtained: it is about to go to one of 1 who asked before',
  )
})

test("hands over soon after a release, and tells once who was in the way", async () => {
  const store = await fresh()
  const held = await holdLease(store, request, now)
  const onWaiting = vi.fn<NonNullable<WaitOptions["onWaiting"]>>()
  const waiting = holdLease(store, request, { wait: true, log: silentLog, onWaiting })
  await sleep(700)
  await held.release()
  const released = performance.now()
  const next = await waiting
  expect(performance.now() - released).toBeLessThan(750)
  expect(next.lease.token).toBe(held.lease.token + 1)
  expect(onWaiting).toHaveBeenCalledTimes(1)
  expect(onWaiting.mock.calls[0]?.[0]).toMatchObject({ by: [{ id: held.lease.id }], ahead: 0 })
  await next.release()
})

test("stops waiting when told to, throwing the reason, and leaves the queue", async () => {
  const store = await fresh()
  await holdLease(store, request, now)
  const stop = new AbortController()
  const reason = new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" })
  const waiting = holdLease(store, request, { wait: true, log: silentLog, signal: stop.signal })
  setTimeout(() => stop.abort(reason), 100)
  await expect(waiting).rejects.toBe(reason)
  expect(await store.locks()).toMatchObject([{ waiting: 0 }])
  await expect(
    holdLease(store, { ...request, lock: "other" }, { wait: true, log: silentLog, signal: stop.signal }),
  ).rejects.toBe(reason)
})

test("gives a lease back that was granted while it was told to stop", async () => {
  const store = await fresh()
  const stop = new AbortController()
  const slow: StateStore = {
    ...store,
    acquire: async (asked) => store.acquire(asked).finally(() => stop.abort(new Error("stop"))),
  }
  await expect(holdLease(slow, request, { wait: true, log: silentLog, signal: stop.signal })).rejects.toThrow("stop")
  expect(await store.locks()).toEqual([])
})

test("takes a lease back whose grant got lost on the way", async () => {
  const store = await fresh()
  const cut: StateStore = {
    ...store,
    acquire: async (asked) => store.acquire(asked).then(() => Promise.reject(new Error("connection lost"))),
  }
  await expect(holdLease(cut, request, now)).rejects.toThrow("connection lost")
  expect(await store.locks()).toEqual([])
})

test("renews in the background, also one that a repeated request got back", async () => {
  const store = await fresh()
  const held = await holdLease(store, { ...request, ttl: 0.6 }, now)
  const first = held.lease
  await sleep(1000)
  expect(held.signal.aborted).toBe(false)
  expect(held.lease.id).toBe(first.id)
  expect(Date.parse(held.lease.expires)).toBeGreaterThan(Date.parse(first.expires))
  await held.release()
  const asked = { ...request, ttl: 0.6, idempotencyKey: "again" }
  await store.acquire({ ...asked, queue: false })
  await sleep(450)
  const again = await holdLease(store, asked, now)
  await sleep(400)
  expect(again.signal.aborted).toBe(false)
  await again.release()
})

test("renews often enough for a store that gives less time than was asked for", async () => {
  const store = await fresh()
  const brief = {
    ...store,
    acquire: (asked) => store.acquire({ ...asked, ttl: 0.6 }),
    renew: (id) => store.renew(id, { ttl: 0.6 }),
  } satisfies StateStore
  const held = await holdLease(brief, { ...request, ttl: 3600 }, now)
  await sleep(1000)
  expect(held.signal.aborted).toBe(false)
  await store.renew(held.lease.id, { ttl: 1 })
  await held.release()
})

test("says at once when the lease was broken", async () => {
  const store = await fresh()
  const held = await holdLease(store, { ...request, ttl: 0.6 }, now)
  const lost = new Promise((resolve) => held.signal.addEventListener("abort", resolve))
  await store.break("production", { by: "admin" })
  await lost
  expect(held.signal.reason).toMatchObject({
    code: "lease-lost",
    exit: 6,
    message: `the lease ${held.lease.id} is no longer held: its time ran out, or it was released or broken`,
  })
  await held.release()
})

test("says that the lease is lost when no renewal gets through in time, and does not wait for one that hangs", async () => {
  const store = await fresh()
  const { log, lines } = warnings()
  const unrenewed = async (lock: string, renew: StateStore["renew"]): Promise<number> => {
    const began = performance.now()
    const { signal } = await holdLease({ ...store, renew }, { ...request, lock, ttl: 0.5 }, { wait: false, log })
    await new Promise((resolve) => signal.addEventListener("abort", resolve))
    expect(signal.reason).toMatchObject({
      code: "lease-lost",
      message: expect.stringContaining("no renewal got through in time"),
    })
    return performance.now() - began
  }
  const lasted = await Promise.all([
    unrenewed("production", () => Promise.reject(new Error("no network"))),
    unrenewed("b", () => new Promise(() => {})),
  ])
  for (const ms of lasted) expect(ms).toBeGreaterThan(495)
  expect(lines).toContain("could not renew the lease on production (no network); trying again")
})

test("only warns when the release fails", async () => {
  const store = await fresh()
  const { log, lines } = warnings()
  const held = await holdLease(store, request, { wait: false, log })
  await store.break("production", { by: "admin" })
  await held.release()
  expect(lines).toEqual([
    expect.stringMatching(
      /^could not release the lock production \(the lease .* is no longer held.*\); it is free at 20/,
    ),
  ])
})
