import { randomUUID } from "node:crypto"
import { inspect } from "node:util"
import { expect, onTestFinished, test } from "vitest"
import { openHerculesStore } from "../../../src/state/drivers/hercules.ts"
import type { HerculesLimits } from "../../../src/state/drivers/hercules/client.ts"
import { stateLock } from "../../../src/state/names.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { startFaultProxy, type Fault, type FaultProxy, type ProxiedRequest } from "../../support/fault-proxy.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { plainStorage, servedStorage, token, type HerculesStorage } from "../support/hercules-server.ts"

const patience = { deadline: 5_000, silence: 1_000, firstPause: 20 }
const writer = { by: "alice@ci" }
const absent = { base: "absent", writer } as const

type Net = { readonly storage: HerculesStorage; readonly proxy: FaultProxy; readonly store: StateStore }

/** A store behind a network on which anything may go wrong. */
async function net(make = servedStorage, more: Partial<HerculesLimits> = {}): Promise<Net> {
  const storage = await make()
  const proxy = await startFaultProxy(storage.endpoint)
  onTestFinished(async () => {
    await proxy.stop()
    await storage.remove()
  })
  const store = openHerculesStore(`hercules:${proxy.endpoint}`, project, {
    env: storage.env,
    patience: { ...patience, ...more },
  })
  return { storage, proxy, store }
}

/** The first requests of this kind go wrong in these ways, one after the other. */
function faults({ proxy }: Net, isMeant: (request: ProxiedRequest) => boolean, ...list: readonly Fault[]): void {
  const left = [...list]
  proxy.plan((request) => (isMeant(request) ? left.shift() : undefined))
}

const isPut = ({ method }: ProxiedRequest): boolean => method === "PUT"
const isList = ({ path }: ProxiedRequest): boolean => path.endsWith("/states")
const isGet = ({ method, path }: ProxiedRequest): boolean => method === "GET" && path.endsWith("/data")
const busy: Fault = { kind: "answer", status: 503, done: false }

async function readAll(store: StateStore): Promise<string | undefined> {
  const found = await store.get("a.json")
  return found === undefined ? undefined : textOf(found.content)
}

test("tries again when the server is busy, every kind of request", async () => {
  const there = await net()
  const counts = new Map<string, number>()
  there.proxy.plan(({ method, path }) => {
    const kind = `${method} ${path.replace(/[0-9a-f-]{36}/, "ID")}`
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    return (counts.get(kind) ?? 0) <= 2 ? busy : undefined
  })
  expect(await there.store.put("a.json", bytes("one"), absent)).toMatchObject({ version: 1 })
  expect(await readAll(there.store)).toBe("one")
  expect(await there.store.history("a.json")).toHaveLength(1)
  expect(counts.size).toBe(6)
})

test("waits as long as the server asks to, when that is soon enough", async () => {
  const there = await net()
  faults(there, isList, { kind: "answer", status: 429, done: false, retryAfter: 1 })
  const began = performance.now()
  expect(await there.store.list()).toEqual([])
  expect(performance.now() - began).toBeGreaterThan(990)
  faults(there, isList, { kind: "answer", status: 429, done: false, retryAfter: 3600 })
  await expect(there.store.list()).rejects.toMatchObject({
    code: "store-failed",
    exit: 1,
    message: expect.stringMatching(/^GET http:\/\/127.0.0.1:\d+\/api\/v1\/site\/.*\/states failed with status 429$/),
    hint: "try again later",
  })
})

test.each([501, 505, 400, 418])("does not try again after status %i", async (status) => {
  const there = await net()
  faults(there, isList, { kind: "answer", status, done: false })
  await expect(there.store.list()).rejects.toMatchObject({
    code: "store-failed",
    message: expect.stringContaining(String(status)),
  })
  expect(there.proxy.requests).toHaveLength(1)
})

test("gives up in bounded time, and says that nobody answered", async () => {
  const there = await net(servedStorage, { deadline: 300 })
  there.proxy.plan(() => ({ kind: "cut before" }))
  await expect(there.store.list()).rejects.toMatchObject({
    code: "store-unreachable",
    exit: 1,
    message: expect.stringMatching(/\/states did not answer: /),
  })
  there.proxy.plan(() => ({ kind: "silence" }))
  const quick = openHerculesStore(there.store.url, project, {
    env: there.storage.env,
    patience: { deadline: 100, silence: 100, firstPause: 10 },
  })
  await expect(quick.list()).rejects.toMatchObject({
    message: expect.stringContaining("did not answer: nothing was heard for 0.1 seconds"),
  })
})

for (const [server, make] of [
  ["alcides serve state", servedStorage],
  ["a server that compares nothing", plainStorage],
] as const) {
  test.each<Fault>([
    { kind: "cut before" },
    { kind: "cut during" },
    { kind: "cut after" },
    { kind: "silence" },
    { kind: "answer", status: 500, done: true },
    { kind: "answer", status: 503, done: false },
  ])(`a put is done once when its request meets %j (${server})`, async (fault) => {
    const there = await net(make)
    faults(there, isPut, fault)
    expect(await there.store.put("a.json", bytes("one"), absent)).toMatchObject({ version: 1, size: 3 })
    const history = await (await there.storage.behind(project)).history("a.json")
    expect(history?.map(({ version }) => version)).toEqual([1])
    expect(await readAll(there.store)).toBe("one")
  })
}

test("a put whose outcome cannot be learnt is no success", async () => {
  const there = await net(plainStorage, { deadline: 200 })
  let isSent = false
  there.proxy.plan((request) => {
    isSent ||= isPut(request)
    return isSent && (isPut(request) || isList(request)) ? { kind: "cut before" } : undefined
  })
  await expect(there.store.put("a.json", bytes("one"), absent)).rejects.toMatchObject({ code: "store-unreachable" })
  there.proxy.plan(() => undefined)
  expect(await there.store.put("a.json", bytes("two"), absent)).toMatchObject({ version: 1 })
})

test("a body that is cut is asked for again, and what came already is not repeated", async () => {
  const there = await net()
  const text = "0123456789".repeat(20_000)
  await there.store.put("a.json", bytes(text, 10_000), absent)
  faults(there, isGet, { kind: "shorten" }, { kind: "shorten" }, { kind: "cut after" }, { kind: "stall" })
  expect(await readAll(there.store)).toBe(text)
  expect(there.proxy.requests.filter(isGet)).toHaveLength(5)
})

test("a body that never comes whole is an error, and never looks whole", async () => {
  const there = await net()
  await there.store.put("a.json", bytes("one"), absent)
  there.proxy.plan((request) => (isGet(request) ? { kind: "shorten" } : undefined))
  await expect(readAll(there.store)).rejects.toMatchObject({
    code: "store-unreachable",
    message: expect.stringMatching(/\/state\/a.json\/data did not answer: /),
  })
})

test("a flipped bit is found by the hash that the server lists", async () => {
  const there = await net()
  await there.store.put("a.json", bytes("one"), absent)
  faults(there, isGet, { kind: "flip" })
  await expect(readAll(there.store)).rejects.toMatchObject({ code: "state-content-corrupt" })
})

test("only the server's list says that a file is absent: no other 404, no refused token", async () => {
  const there = await net()
  await there.store.put("a.json", bytes("one"), absent)
  expect(await there.store.get("b.json")).toBeUndefined()
  const answers = (status: number, isMeant = isList): void =>
    faults(there, isMeant, { kind: "answer", status, done: false, body: '{"message":"no"}' })
  answers(401)
  await expect(there.store.get("b.json")).rejects.toMatchObject({ code: "store-credentials-refused", exit: 2 })
  answers(403)
  await expect(there.store.get("b.json")).rejects.toMatchObject({
    code: "store-denied",
    exit: 1,
    message: expect.stringMatching(/is not allowed with this token: no$/),
  })
  answers(404)
  await expect(there.store.get("b.json")).rejects.toMatchObject({
    code: "store-missing",
    exit: 1,
    message: expect.stringMatching(/is not there, or may not be seen with this token: no$/),
  })
  answers(404, isGet)
  await expect(there.store.get("a.json")).rejects.toMatchObject({ code: "state-content-missing" })
})

function listing(...numbers: readonly number[]): string {
  const version = { projectId: randomUUID(), name: "a", creationTime: "2030-01-01T00:00:00Z" }
  return JSON.stringify({
    stateFiles: { a: { name: "a", versions: numbers.map((one) => ({ ...version, version: one })) } },
  })
}

test.each([
  ["<html>Welcome</html>", "no JSON"],
  ["{}", "at stateFiles"],
  ['{"stateFiles":{"a":{"name":7}}}', "at stateFiles.0.name"],
  [listing(0), "at stateFiles.0.versions: versions count 1, 2, 3 …, each once"],
  [listing(1, 2, 1), "at stateFiles.0.versions: versions count 1, 2, 3 …, each once"],
])("an answer that is not the API's is no empty store: %s", async (body, what) => {
  const there = await net()
  faults(there, isList, { kind: "answer", status: 200, done: false, body })
  await expect(there.store.list()).rejects.toMatchObject({
    code: "store-failed",
    message: expect.stringContaining(`answered with something that Hercules CI's API does not say: ${what}`),
  })
})

test("a lease that is lost before the put stops it, and one that is lost after it is told", async () => {
  const there = await net(plainStorage)
  const lock = stateLock("a.json")
  const request = { lock, exclusive: true, description: "", holder: writer, ttl: 60, queue: false }
  const acquire = async (): Promise<string> => {
    const answer = await there.store.acquire({ ...request, idempotencyKey: randomUUID() })
    if (answer.outcome !== "acquired") throw new Error("blocked")
    return answer.lease.id
  }
  const gone: Fault = { kind: "answer", status: 404, done: false, body: '{"message":"no such lease"}' }
  const isLease = ({ path }: ProxiedRequest): boolean => path.includes("/lock-leases/")
  const id = await acquire()
  faults(there, isLease, gone)
  await expect(there.store.put("a.json", bytes("one"), { ...absent, lease: { id } })).rejects.toMatchObject({
    code: "lease-lost",
    exit: 6,
  })
  expect(await there.store.history("a.json")).toBeUndefined()
  faults(there, (seen) => isLease(seen) && there.proxy.requests.some(isPut), gone)
  await expect(there.store.put("a.json", bytes("one"), { ...absent, lease: { id } })).rejects.toMatchObject({
    code: "state-lease-unconfirmed",
    exit: 7,
    message: expect.stringContaining('"a.json" was written as version 1, but then its lease could not be confirmed'),
  })
})

test("who takes no lock and writes at the same moment is found, and nothing is erased", async () => {
  const there = await net(plainStorage)
  const behind = await there.storage.behind(project)
  await there.store.put("a.json", bytes("one"), absent)
  // Just before the put arrives, another client puts without any lock.
  const intruder: Promise<unknown>[] = []
  there.proxy.plan((request) => {
    if (!isPut(request)) return undefined
    intruder.push(behind.put("a.json", bytes("theirs"), { base: "current", writer: { by: "hci" } }))
    return { kind: "delay", ms: 200 }
  })
  await expect(there.store.put("a.json", bytes("ours"), { base: 1, writer })).rejects.toMatchObject({
    code: "state-raced",
    exit: 7,
    message: '"a.json" was written as version 3, but at the same time came version 2 by hci',
  })
  await Promise.all(intruder)
  const texts = [1, 2, 3].map(async (version) =>
    textOf((await behind.get("a.json", { version }))?.content ?? bytes("")),
  )
  expect(await Promise.all(texts)).toEqual(["one", "theirs", "ours"])
})

test("the same from a server that compares: it refuses, and nothing is written", async () => {
  const there = await net()
  await there.store.put("a.json", bytes("one"), absent)
  faults(there, isPut, {
    kind: "answer",
    status: 409,
    done: false,
    body: '{"message":"at version 2","code":"state-conflict"}',
  })
  await expect(there.store.put("a.json", bytes("ours"), { base: 1, writer })).rejects.toMatchObject({
    code: "state-conflict",
    exit: 1,
    message: "at version 2",
  })
})

test("a put that the server takes and does not list is no success", async () => {
  const there = await net(plainStorage)
  faults(there, isPut, { kind: "answer", status: 200, done: false, body: "" })
  await expect(there.store.put("a.json", bytes("one"), absent)).rejects.toMatchObject({
    code: "state-put-unconfirmed",
    exit: 7,
    message: 'the server took "a.json", but does not list it: it lists no new version',
  })
})

test("a release whose answer is lost is a release", async () => {
  const there = await net()
  const answer = await there.store.acquire({
    lock: "production",
    exclusive: true,
    description: "",
    holder: writer,
    ttl: 60,
    queue: false,
    idempotencyKey: randomUUID(),
  })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  faults(there, ({ method }) => method === "DELETE", { kind: "cut after" })
  await there.store.release(answer.lease.id)
})

test("a grant whose answer is lost is granted once", async () => {
  const there = await net()
  faults(there, ({ path }) => path.endsWith("/lock/production"), { kind: "cut after" }, busy)
  const request = { lock: "production", exclusive: true, description: "", holder: writer, ttl: 60, queue: false }
  expect(await there.store.acquire({ ...request, idempotencyKey: randomUUID() })).toMatchObject({ outcome: "acquired" })
})

test("no error shows the token", async () => {
  const there = await net(servedStorage, { deadline: 50 })
  const errors: unknown[] = []
  for (const fault of [{ kind: "cut before" }, busy, { kind: "answer", status: 401, done: false }] as const) {
    there.proxy.plan(() => fault)
    errors.push(await there.store.list().catch((error: unknown) => error))
  }
  const shown = inspect([...errors, there.store], { depth: 20, showHidden: true })
  expect(shown).toContain("store-unreachable")
  expect(shown).not.toContain(token)
})
