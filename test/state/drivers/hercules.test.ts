import { randomBytes, randomUUID } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { expect, onTestFinished, test, vi } from "vitest"
import { openHerculesStore } from "../../../src/state/drivers/hercules.ts"
import { spool } from "../../../src/state/drivers/hercules/spool.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openStore } from "../../../src/state/open.ts"
import { startFaultProxy } from "../../support/fault-proxy.ts"
import { httpServer } from "../../support/http-server.ts"
import { project } from "../contract.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes, textOf } from "../support/content.ts"
import { plainStorage, servedStorage, token, type HerculesStorage } from "../support/hercules-server.ts"

const writer = { by: "alice@ci" }
const patience = { deadline: 1_000, silence: 1_000, firstPause: 10 }

async function started(make: () => Promise<HerculesStorage>): Promise<HerculesStorage> {
  const storage = await make()
  onTestFinished(() => storage.remove())
  return storage
}

test("a redirect is followed with the content, and nobody else gets the token", async () => {
  const storage = await started(servedStorage)
  const seen: { readonly method: string | undefined; readonly headers: IncomingHttpHeaders }[] = []
  const bucket = await httpServer((request, response) => {
    seen.push({ method: request.method, headers: request.headers })
    request.resume().on("end", () => response.writeHead(200, { "content-length": "3" }).end("one"))
  })
  const front = await httpServer((request, response) => {
    if (request.url?.includes("/data") === true) {
      response.writeHead(307, { location: `${bucket}/presigned` }).end()
      return
    }
    response.writeHead(307, { location: `${storage.endpoint}${request.url}` }).end()
  })
  const store = openHerculesStore(`hercules:${front}`, project, { env: storage.env, patience })
  // Even to another server of the same API it does not follow: it asks for a token, and gets none.
  await expect(store.list()).rejects.toMatchObject({ code: "store-credentials-refused" })

  const behind = await storage.behind(project)
  await behind.put("a.json", bytes("one"), { base: "absent", writer })
  const mixed = await httpServer(async (request, response) => {
    if (request.url?.includes("/data") === true) {
      response.writeHead(302, { location: `${bucket}/presigned` }).end()
      return
    }
    const answer = await fetch(`${storage.endpoint}${request.url ?? ""}`, {
      method: request.method ?? "",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(request.method === "POST" && { body: request, duplex: "half" }),
    })
    response.writeHead(answer.status, { date: answer.headers.get("date") ?? "" }).end(await answer.text())
  })
  const through = openHerculesStore(`hercules:${mixed}`, project, { env: storage.env, patience })
  const got = await through.get("a.json")
  expect(await textOf(got?.content ?? bytes(""))).toBe("one")
  // It went to the bucket, which the server does not list.
  await expect(through.put("a.json", bytes("two"), { base: 1, writer })).rejects.toMatchObject({
    code: "state-put-unconfirmed",
  })
  expect(seen.map(({ method }) => method)).toEqual(["GET", "GET", "PUT"])
  for (const { headers } of seen) expect(headers).not.toHaveProperty("authorization")
})

test("a redirect to a place that is not safe, or without an end, is not followed", async () => {
  const unsafe = await httpServer((_, response) => response.writeHead(302, { location: "http://example.com/" }).end())
  const env = { HERCULES_CI_API_TOKEN: token }
  await expect(openHerculesStore(`hercules:${unsafe}`, project, { env, patience }).list()).rejects.toMatchObject({
    code: "store-failed",
    message: expect.stringContaining("a redirect to a place that is not safe"),
  })
  const circle = await httpServer((request, response) => response.writeHead(302, { location: request.url }).end())
  await expect(openHerculesStore(`hercules:${circle}`, project, { env, patience }).list()).rejects.toMatchObject({
    code: "store-failed",
    message: expect.stringContaining("one redirect after the other"),
  })
})

test("an answer without a date gives no lease: its time could not be counted", async () => {
  const endpoint = await httpServer((_, response) => {
    response.sendDate = false
    response.end(
      '{"tag":"Acquired","contents":{"leaseId":"6a1c3a5e-0e4e-4a86-8e0a-3a8c5b8e6b0f","expirationTime":"2030-01-01T00:00:00Z"}}',
    )
  })
  const store = openHerculesStore(`hercules:${endpoint}`, project, { env: { HERCULES_CI_API_TOKEN: token }, patience })
  const request = {
    lock: "a",
    exclusive: true,
    description: "",
    holder: writer,
    ttl: 1,
    idempotencyKey: "k",
    queue: false,
  }
  await expect(store.acquire(request)).rejects.toMatchObject({
    code: "store-failed",
    message: expect.stringContaining("no Date header"),
  })
})

test("a project is found by its id, when the environment tells it", async () => {
  const storage = await started(servedStorage)
  const store = await storage.open(project)
  await store.put("a.json", bytes("one"), { base: "absent", writer })
  const answer = await fetch(`${storage.endpoint}/api/v1/site/github/account/neat-org/project/neat-repo/states`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { projectId }: { projectId: string } = JSON.parse(await answer.text())
  const proxy = await startFaultProxy(storage.endpoint)
  onTestFinished(() => proxy.stop())
  const env = {
    ...storage.env,
    HERCULES_CI_PROJECT_ID: projectId,
    HERCULES_CI_PROJECT_PATH: "github/neat-org/neat-repo",
  }
  const byId = await openStore(`hercules:${proxy.endpoint}`, project, { env })
  expect(await textOf((await byId.get("a.json"))?.content ?? bytes(""))).toBe("one")
  expect(proxy.requests.map(({ path }) => path)).toEqual([
    `/api/v1/projects/${projectId}/states`,
    `/api/v1/projects/${projectId}/state/a.json/data`,
  ])
})

for (const [server, make] of [
  ["alcides serve state", servedStorage],
  ["a server that tells no versions", plainStorage],
] as const) {
  test(`the routes of a task: ${server}`, async () => {
    const storage = await started(make)
    const store = await openStore("hercules:current-task", project, {
      env: { ...storage.env, HERCULES_CI_API_BASE_URL: storage.endpoint },
    })
    expect(await store.get("a.json")).toBeUndefined()
    expect(await store.history("a.json")).toBeUndefined()
    const first = await store.put("a.json", bytes("one"), { base: "absent", writer })
    expect(first).toMatchObject({ size: 3, version: expect.any(Number) })
    const got = await store.get("a.json")
    expect(got?.version).toMatchObject({ version: first.version, sha256: first.sha256 })
    expect(await textOf(got?.content ?? bytes(""))).toBe("one")
    expect(await store.history("a.json")).toMatchObject([{ version: first.version }])
    expect(await store.get("b.json", { version: 1 })).toBeUndefined()
    await expect(store.get("a.json", { version: first.version + 1 })).rejects.toMatchObject({
      code: "store-unsupported",
      message: "Hercules CI's API cannot read old versions from a task",
    })
    const second = await store.put("a.json", bytes("two"), { base: first.version, writer })
    await expect(store.put("a.json", bytes("x"), { base: first.version, writer })).rejects.toMatchObject({
      code: "state-conflict",
    })
    // The same content again is a put, too.
    await store.put("a.json", bytes("two"), { base: second.version, writer })
    const unsupported = { code: "store-unsupported", exit: 2 }
    await expect(store.list()).rejects.toMatchObject(unsupported)
    await expect(store.rollback("a.json", { to: 1, writer })).rejects.toMatchObject(unsupported)
    await expect(store.delete("a.json", { writer })).rejects.toMatchObject(unsupported)
    expect((await (await storage.behind(project)).history("a.json"))?.length).toBe(3)
  })
}

for (const place of ["hercules:", "hercules:current-task"]) {
  test(`what is encrypted here is no word to the server: ${place}`, async () => {
    const storage = await started(plainStorage)
    const env = { ...storage.env, HERCULES_CI_API_BASE_URL: storage.endpoint }
    const keys = await keyPair()
    const encryption = await encryptionFor({ recipients: [keys], identities: [keys] })
    const sealing = await openStore(place, project, { env, encryption })
    const clear = await openStore(place, project, { env })
    const { version } = await sealing.put("a.json", bytes("a private key"), { base: "absent", writer })
    const stored = await (await storage.behind(project)).get("a.json")
    expect(await textOf(stored?.content ?? bytes(""))).toMatch(/^age-encryption.org\/v1\n/)
    const got = await sealing.get("a.json")
    expect(got?.version.encrypted).toEqual({ recipients: [] })
    expect(await textOf(got?.content ?? bytes(""))).toBe("a private key")
    await expect(clear.get("a.json")).rejects.toMatchObject({ code: "state-identity-missing" })
    await expect(clear.put("a.json", bytes("x"), { base: version, writer })).rejects.toMatchObject({
      code: "state-encryption-expected",
    })
    await clear.put("a.json", bytes("x"), { base: version, writer, inClear: true })
    expect(await textOf((await sealing.get("a.json"))?.content ?? bytes(""))).toBe("x")
  })
}

test("puts of Alcides wait for one another, and for none that goes on and on", async () => {
  const storage = await started(plainStorage)
  const store = await storage.open(project)
  const request = {
    lock: stateLock("a.json"),
    exclusive: true,
    holder: writer,
    ttl: 60,
    queue: false,
    description: "alcides: a put under way",
    idempotencyKey: "another put",
  }
  const other = await store.acquire(request)
  if (other.outcome !== "acquired") throw new Error("blocked")
  const put = store.put("a.json", bytes("one"), { base: "absent", writer })
  const first = await Promise.race([put, new Promise((resolve) => setTimeout(resolve, 300, "waits"))])
  expect(first).toBe("waits")
  const hasty = openHerculesStore(storage.url, project, { env: storage.env, patience: { ...patience, deadline: 200 } })
  // It may be a long one, or its program was killed.
  await expect(hasty.put("a.json", bytes("x"), { base: "absent", writer })).rejects.toMatchObject({
    code: "state-locked",
    exit: 6,
    message: expect.stringMatching(
      /^"a.json" is locked by server-user \(alcides: a put under way\) since \S+, until \S+ unless renewed$/,
    ),
  })
  // The limits of this one are the usual ones.
  const began = performance.now()
  await expect(store.put("a.json", bytes("x"), { base: "absent", writer, wait: false })).rejects.toMatchObject({
    code: "state-locked",
    exit: 6,
  })
  expect(performance.now() - began).toBeLessThan(2_000)
  await store.release(other.lease.id)
  expect(await put).toMatchObject({ version: 1 })
})

test("a put that others are always before is told so", async () => {
  const endpoint = await httpServer((request, response) => {
    request.resume()
    const by = {
      id: randomUUID(),
      startTime: "2030-01-01T00:00:00Z",
      expirationTime: "2030-01-01T00:10:00Z",
      description: "alcides: a put under way",
      exclusive: true,
    }
    response.end(JSON.stringify({ tag: "Blocked", contents: { blockedByLeases: [by] } }))
  })
  const env = { HERCULES_CI_API_TOKEN: token }
  const store = openHerculesStore(`hercules:${endpoint}`, project, { env, patience: { ...patience, deadline: 200 } })
  await expect(store.put("a.json", bytes("x"), { base: "absent", writer })).rejects.toMatchObject({
    code: "store-busy",
    exit: 1,
    message: 'others put "a.json" all the time, and this put had no turn for 0.2 seconds',
  })
})

test("content that cannot be kept on its way is not put, and is no fault of the server's", async () => {
  const storage = await started(servedStorage)
  const store = await storage.open(project)
  vi.stubEnv("TMPDIR", "/nowhere")
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(store.put("a.json", bytesOf(Buffer.alloc(5_000_000)), { base: "absent", writer })).rejects.toMatchObject(
    {
      code: "state-not-spooled",
      exit: 1,
      message: expect.stringMatching(/^the content cannot be kept in \/nowhere for the time of its transfer: ENOENT/),
    },
  )
  expect(await store.history("a.json")).toBeUndefined()
})

test("content of any size may be read again, and leaves no file", async () => {
  const before = (await readdir(tmpdir())).filter((name) => name.startsWith("alcides-spool-"))
  for (const size of [0, 10, 4 * 1024 * 1024, 9 * 1024 * 1024]) {
    const content = randomBytes(size)
    const kept = await spool(bytesOf(content))
    for (let turn = 0; turn < 2; turn += 1) expect(content.equals(await bufferOf(kept.open()))).toBe(true)
    expect(kept.size).toBe(size)
    await kept.remove()
  }
  expect((await readdir(tmpdir())).filter((name) => name.startsWith("alcides-spool-"))).toEqual(before)
})

// One buffer for all chunks, as some sources have.
async function* bytesOf(content: Buffer): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(100_000)
  for (let start = 0; start < content.length; start += buffer.length) {
    const size = content.copy(buffer, 0, start)
    yield buffer.subarray(0, size)
  }
}

async function bufferOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}
