import { randomBytes, randomUUID } from "node:crypto"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { inspect } from "node:util"
import { expect, onTestFinished, test } from "vitest"
import { openHerculesStore } from "../../../src/state/drivers/hercules.ts"
import type { LeaseRequest, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { upstream, type SeenRequest, type UpstreamOptions } from "../support/hercules-upstream.ts"

const token = "eyJ-of-the-tests"
const writer = { by: "alice@ci" }
const absent = { base: "absent", writer } as const
const patience = { deadline: 5_000, silence: 1_000, firstPause: 10 }

async function opened(options: UpstreamOptions = {}, place = (endpoint: string): string => `hercules:${endpoint}`) {
  const server = await upstream(options)
  const env = { HERCULES_CI_API_TOKEN: token, HERCULES_CI_API_BASE_URL: server.endpoint }
  return { server, store: openHerculesStore(place(server.endpoint), project, { env, patience }) }
}

const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  lock: "production",
  exclusive: true,
  description: "deploys",
  holder: writer,
  ttl: 60,
  queue: true,
  idempotencyKey: randomUUID(),
  ...more,
})

async function acquired(store: StateStore, more: Partial<LeaseRequest> = {}) {
  const answer = await store.acquire(request(more))
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

/** A request without what is about the connection. */
function words({ method, target, headers, body }: SeenRequest) {
  const { host: _, connection: __, ...said } = headers
  return { line: `${method} ${target}`, headers: said, body: body.toString() }
}

const P = "/api/v1/site/github/account/neat-org/project/neat-repo"
const authorization = `Bearer ${token}`

test("state files, word by word", async () => {
  const { server, store } = await opened()
  const name = "ä b%2f?#.json"
  const encoded = "%C3%A4%20b%252f%3F%23.json"
  await store.put(name, bytes("one"), absent)
  expect(await textOf((await store.get(name, { version: 1 }))?.content ?? bytes(""))).toBe("one")
  const lines = server.seen.map(words)
  const put = lines.find(({ line }) => line.startsWith("PUT"))
  expect(put).toMatchObject({
    line: `PUT ${P}/state/${encoded}/data`,
    headers: { authorization, "content-type": "application/octet-stream", "content-length": "3" },
    body: "one",
  })
  expect(lines.find(({ line }) => line.endsWith("/states"))).toEqual({
    line: `GET ${P}/states`,
    headers: { authorization, accept: "application/json" },
    body: "",
  })
  expect(lines.at(-1)).toEqual({
    line: `GET ${P}/state/${encoded}/data?version=1`,
    headers: { authorization, accept: "application/octet-stream" },
    body: "",
  })
})

test("the task's routes, word by word", async () => {
  const { server, store } = await opened({}, () => "hercules:current-task")
  expect(await store.get("a.json")).toBeUndefined()
  await store.put("a.json", bytes("one"), absent)
  const files = server.seen.map(words).filter(({ line }) => line.includes("/state/"))
  expect(files[0]).toEqual({
    line: "GET /api/v1/current-task/state/a.json/data",
    headers: { authorization, accept: "application/octet-stream" },
    body: "",
  })
  expect(files.find(({ line }) => line.startsWith("PUT"))).toMatchObject({
    line: "PUT /api/v1/current-task/state/a.json/data",
    headers: { authorization, "content-length": "3" },
  })
})

test("locks, word by word", async () => {
  const { server, store } = await opened()
  const idempotencyKey = randomUUID()
  const { id } = await acquired(store, { idempotencyKey })
  await store.renew(id, { ttl: 60 })
  await store.renew(id, { ttl: 60, description: "still deploys" })
  await store.release(id)
  const json = { authorization, accept: "application/json", "content-type": "application/json" }
  const said = server.seen.map(words)
  expect(said.map(({ line }) => line)).toEqual([
    `POST ${P}/lock/production`,
    `POST /api/v1/lock-leases/${id}`,
    `POST /api/v1/lock-leases/${id}`,
    `DELETE /api/v1/lock-leases/${id}`,
  ])
  expect(said.slice(0, 3).map(({ body }) => JSON.parse(body))).toEqual([
    { description: "deploys", exclusive: true, parent: null, idempotencyKey },
    { description: null },
    { description: "still deploys" },
  ])
  for (const { headers } of said.slice(0, 3)) expect(headers).toMatchObject(json)
  expect(said[3]?.headers).toEqual({ authorization, accept: "*/*" })
})

test("what only people read may be anything: a new phase, fields that are new or missing", async () => {
  const { store } = await opened({
    meddle: ({ target }, response) => {
      if (!target.includes("/lock/")) return false
      const owner = { name: "neat-org", typ: "Robot", site: { name: "github" } }
      const lease = {
        id: randomUUID(),
        startTime: "2026-01-01T00:00:00Z",
        expirationTime: "2026-01-01T00:10:00Z",
        job: { index: 9, phase: "Dreaming", status: "Maybe", project: { name: "neat-repo", owner } },
        description: "theirs",
        exclusive: true,
      }
      response.end(JSON.stringify({ tag: "Blocked", contents: { blockedByLeases: [lease] } }))
      return true
    },
  })
  const { href } = new URL("/github/neat-org/neat-repo/jobs/9", store.url.slice("hercules:".length))
  expect(await store.acquire(request())).toMatchObject({
    outcome: "blocked",
    by: [{ holder: { by: "job 9 of github/neat-org/neat-repo", runUrl: href } }],
  })
})

test("a version whose uploader, hash and size the server does not tell is a version all the same", async () => {
  const { store } = await opened({
    meddle: ({ target }, response) => {
      if (!target.endsWith("/states")) return false
      const version = { projectId: randomUUID(), name: "a.json", version: 4, creationTime: "2026-01-01T00:00:00Z" }
      const versions = [{ ...version, job: { source: {} }, uploader: null }]
      response.sendDate = false
      response.end(
        JSON.stringify({ stateFiles: { "a.json": { projectId: version.projectId, name: "a.json", versions } } }),
      )
      return true
    },
  })
  expect(await store.history("a.json")).toEqual([
    { version: 4, created: "2026-01-01T00:00:00Z", size: 0, sha256: "", writer: { by: "job" } },
  ])
})

test("a put tells the size and the hash of what it wrote, also where the server does not", async () => {
  const { store } = await opened()
  expect(await store.put("a.json", bytes("one"), absent)).toMatchObject({
    version: 1,
    size: 3,
    sha256: "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
  })
})

test("content that is current already is put, also when the server makes no new version of it", async () => {
  const { server, store } = await opened({ isDeduplicating: true })
  await store.put("a.json", bytes("one"), absent)
  await store.put("a.json", bytes("two"), { base: 1, writer })
  expect(await store.put("a.json", bytes("two"), { base: 2, writer })).toMatchObject({ version: 2 })
  expect(server.contents()).toEqual(["one", "two"])
})

test("a lease that ends while the content is on its way: what has arrived is told, and is no plain loss of the lease", async () => {
  const { server, store } = await opened({
    ttl: 4,
    // It takes the content, never answers, and takes no renewal.
    meddle: ({ method, target }) => method === "PUT" || (target.includes("/lock-leases/") && hasPut()),
  })
  function hasPut(): boolean {
    return server.seen.some(({ method }) => method === "PUT")
  }
  await expect(store.put("a.json", bytes("one"), absent)).rejects.toMatchObject({
    code: "state-lease-unconfirmed",
    exit: 7,
    message: expect.stringContaining('"a.json" was written as version 1'),
  })
  expect(server.contents()).toEqual(["one"])
})

test("a server that is slow with a put gets it once", async () => {
  const { server, store } = await opened({ putTakes: patience.silence * 2 })
  await store.put("a.json", bytes("one"), absent)
  expect(server.seen.filter(({ method }) => method === "PUT")).toHaveLength(1)
  expect(server.contents()).toEqual(["one"])
})

test("a reader that takes its time gets it all by one request", async () => {
  const { server, store } = await opened({}, () => "hercules:")
  const content = randomBytes(24 * 1024 * 1024)
  await store.put(
    "a.json",
    (async function* () {
      yield content
    })(),
    absent,
  )
  const downloads = (): number =>
    server.seen.filter(({ method, target }) => method === "GET" && target.includes("/data")).length
  const before = downloads()
  const got = await store.get("a.json")
  let size = 0
  let rests = 2
  for await (const chunk of got?.content ?? bytes("")) {
    size += chunk.byteLength
    if (rests > 0 && size > 1024 * 1024) {
      rests -= 1
      await sleep(patience.silence * 1.3)
    }
  }
  expect(size).toBe(content.byteLength)
  expect(downloads() - before).toBe(1)
})

test("who logs in again meanwhile is heard, and what the server repeats of a token is not shown", async () => {
  const home = await mkdtemp(join(tmpdir(), "alcides-login-"))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  await mkdir(join(home, "hercules-ci"))
  const login = async (personalToken: string): Promise<void> => {
    const domains = { "127.0.0.1": { personalToken }, "other.example": 7 }
    await writeFile(join(home, "hercules-ci/credentials.json"), JSON.stringify({ domains }))
  }
  const server = await upstream({
    meddle: ({ headers }, response) => {
      if (headers.authorization === "Bearer new-token") return false
      response
        .writeHead(401)
        .end(JSON.stringify({ errorTags: [], message: `${headers.authorization ?? ""} has expired` }))
      return true
    },
  })
  const store = openHerculesStore(`hercules:${server.endpoint}`, project, { env: { XDG_CONFIG_HOME: home }, patience })
  await login("old-token")
  const error: unknown = await store.list().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: "store-credentials-refused",
    message: expect.stringMatching(/does not accept the token: Bearer \*\*\* has expired$/),
  })
  expect(inspect(error, { depth: 10 })).not.toContain("old-token")
  await login("new-token")
  expect(await store.list()).toEqual([])
})

test.each([
  ["state-conflict", 1],
  ["state-encryption-expected", 2],
  ["state-locked", 6],
  ["lease-lost", 6],
])("a server's %s is the same as a store's own: exit %i", async (code, exit) => {
  const { store } = await opened({
    meddle: ({ method }, response) => {
      if (method !== "PUT") return false
      response.writeHead(409).end(JSON.stringify({ message: "no", code }))
      return true
    },
  })
  await expect(store.put("a.json", bytes("one"), absent)).rejects.toMatchObject({ code, exit, message: "no" })
})
