import { createHash, randomBytes } from "node:crypto"
import { chmod, readdir, readFile, writeFile } from "node:fs/promises"
import { request as httpRequest, type ClientRequest } from "node:http"
import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import * as z from "zod/mini"
import { AlcidesError } from "../../../src/errors.ts"
import { projectStateSchema } from "../../../src/state/hercules/api.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openStore } from "../../../src/state/open.ts"
import { projectId } from "../../../src/state/server/projects.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { encryptionFor, keyPair } from "../support/age.ts"
import { bytes } from "../support/content.ts"
import { repo, repoPath, secrets, served, type Served } from "../support/state-server.ts"

const path = `${repoPath}/state/db.json/data`
const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex")
const put = (request: Served["request"], body: string, headers: Record<string, string> = {}): Promise<Response> =>
  request(path, { method: "PUT", body, headers })

describe("a state file", () => {
  test("is absent until it is put, and gone when it was deleted", async () => {
    const { request, store } = await served()
    const absent = await request(path)
    expect(absent.status).toBe(404)
    expect(await absent.json()).toEqual({ message: 'there is no state file "db.json"', errorTags: [] })
    await put(request, "one")
    await store.delete("db.json", { writer: { by: "carol" } })
    expect((await request(path)).status).toBe(404)
    expect((await request(`${path}?version=1`)).status).toBe(200)
    expect((await request(`${path}?version=2`)).status).toBe(404)
  })

  test("comes with its length, its name and its version", async () => {
    const { request } = await served()
    const answer = await put(request, "one")
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe("")
    expect(answer.headers.get("alcides-version")).toBe("1")
    const got = await request(path)
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "3",
      "content-disposition": "attachment; filename=\"db.json\"; filename*=UTF-8''db.json",
      etag: '"1"',
      "alcides-version": "1",
    })
    expect(await got.text()).toBe("one")
  })

  test("may be empty", async () => {
    const { request } = await served()
    await put(request, "")
    const got = await request(path)
    expect([got.status, got.headers.get("content-length"), await got.text()]).toEqual([200, "0", ""])
  })

  test("is written by the name of the token", async () => {
    const { request, store } = await served()
    await put(request, "one")
    await request(path, { as: "bob", method: "PUT", body: "two" })
    expect((await store.history("db.json"))?.map(({ writer }) => writer)).toEqual([{ by: "bob" }, { by: "alice" }])
  })

  test("has its older versions", async () => {
    const { request } = await served()
    await put(request, "one")
    await put(request, "two")
    expect(await (await request(`${path}?version=1`)).text()).toBe("one")
    expect(await (await request(path)).text()).toBe("two")
    const absent = await request(`${path}?version=3`)
    expect(absent.status).toBe(404)
    expect(await absent.json()).toMatchObject({ message: 'there is no version 3 of the state file "db.json"' })
    for (const wrong of ["0", "-1", "1.5", "x", "", "1e3"])
      expect((await request(`${path}?version=${wrong}`)).status).toBe(400)
  })
})

describe("a put", () => {
  test("goes on top of whatever is there, unless it says on top of what", async () => {
    const { request, store } = await served()
    const absent = { "alcides-base": "absent" }
    expect((await put(request, "one", absent)).status).toBe(200)
    const late = await put(request, "two", absent)
    expect(late.status).toBe(409)
    expect(await late.json()).toMatchObject({
      code: "state-conflict",
      message: expect.stringContaining("at version 1"),
    })
    expect((await put(request, "two", { "alcides-base": "1" })).status).toBe(200)
    expect((await put(request, "three", { "alcides-base": "1" })).status).toBe(409)
    expect((await put(request, "three")).status).toBe(200)
    for (const wrong of ["", "0", "current", "1, 2"])
      expect((await put(request, "x", { "alcides-base": wrong })).status).toBe(400)
    expect((await store.history("db.json"))?.length).toBe(3)
  })

  test("is refused while somebody else holds the state file, and goes through under the lease", async () => {
    const { request, store } = await served()
    await put(request, "one")
    const answer = await store.acquire({
      lock: stateLock("db.json"),
      exclusive: true,
      description: "by hand",
      holder: { by: "carol" },
      ttl: 60,
      idempotencyKey: "k",
      queue: false,
    })
    if (answer.outcome !== "acquired") throw new Error("blocked")
    const refused = await put(request, "two")
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({
      code: "state-locked",
      message: expect.stringContaining("carol (by hand)"),
    })
    const lease = { "alcides-lease": answer.lease.id }
    expect((await put(request, "two", lease)).status).toBe(200)
    await store.release(answer.lease.id)
    expect((await put(request, "three", lease)).status).toBe(409)
    expect((await request(path, { headers: lease })).status).toBe(409)
    expect(await (await request(path)).text()).toBe("two")
  })

  test("makes a version of each of many at once, and the last one stands", async () => {
    const { request, store } = await served()
    const texts = Array.from({ length: 24 }, (_, index) => `content ${index}`)
    const answers = await Promise.all(texts.map((text) => put(request, text)))
    expect(answers.map(({ status }) => status)).toEqual(texts.map(() => 200))
    const history = (await store.history("db.json")) ?? []
    expect(history.map(({ version }) => version)).toEqual(texts.map((_, index) => texts.length - index))
    expect(history.map((version) => version.sha256).toSorted()).toEqual(texts.map(sha256).toSorted())
    expect(sha256(await (await request(path)).text())).toBe(history[0]?.sha256)
  })

  test("takes a body as it is", async () => {
    const { request, store } = await served()
    expect((await put(request, "x", { "content-encoding": "gzip" })).status).toBe(415)
    expect(await store.history("db.json")).toBeUndefined()
  })
})

describe("a put that does not end", () => {
  const begin = ({ server }: Served, headers: Record<string, string>): ClientRequest => {
    const request = httpRequest(`${server.url}${path}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${secrets.alice}`, ...headers },
    })
    request.on("error", () => {})
    return request
  }
  const filesOf = async ({ folder }: Served): Promise<readonly string[]> =>
    (await readdir(join(folder, "store"), { recursive: true })).toSorted()
  // Whatever is written on the way, now or in a moment, is removed again as soon as the server has noticed.
  const untouched = async (all: Served, before: readonly string[]): Promise<void> => {
    for (let turn = 0, calm = 0; turn < 300 && calm < 20; turn += 1) {
      calm = String(await filesOf(all)) === String(before) ? calm + 1 : 0
      await sleep(10)
    }
    expect(await filesOf(all)).toEqual(before)
    expect(await (await all.request(path)).text()).toBe("one")
    expect((await all.store.history("db.json"))?.length).toBe(1)
  }

  test.each([
    ["of a known length", { "content-length": "100000" }],
    ["in chunks", {}],
  ])("makes no version: its sender dies, %s", async (_, headers) => {
    const all = await served()
    await put(all.request, "one")
    const before = await filesOf(all)
    const request = begin(all, headers)
    request.write("x".repeat(50_000))
    while (String(await filesOf(all)) === String(before)) await sleep(5)
    request.destroy()
    await untouched(all, before)
    expect(all.logged()).toBe("")
  })

  test.each([
    ["of a known length", "Content-Length: 10\r\n\r\nhalf"],
    ["in chunks", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ["in chunks, within one", "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"],
  ])("makes no version: its sender says no more, %s", async (_, rest) => {
    const all = await served()
    await put(all.request, "one")
    const before = await filesOf(all)
    const socket = connect(Number(new URL(all.server.url).port), "127.0.0.1")
    socket.end(`PUT ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secrets.alice}\r\n${rest}`)
    socket.resume()
    await once(socket, "close")
    await untouched(all, before)
  })
})

describe("a body that is refused", () => {
  test("is not even asked for", async () => {
    const { server } = await served()
    const request = httpRequest(`${server.url}${path}`, {
      method: "PUT",
      headers: { authorization: "Bearer wrong", expect: "100-continue", "content-length": "5" },
    })
    let asked = false
    request.on("continue", () => (asked = true)).flushHeaders()
    const [response] = await once(request, "response")
    expect([response.statusCode, response.headers.connection, asked]).toEqual([401, "close", false])
  })

  test("is asked for when it may be sent", async () => {
    const { server, request: ask } = await served()
    const request = httpRequest(`${server.url}${path}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${secrets.alice}`, expect: "100-continue", "content-length": "5" },
    })
    request.flushHeaders()
    await once(request, "continue")
    request.end("whole")
    const [response] = await once(request, "response")
    expect(response.statusCode).toBe(200)
    expect(await (await ask(path)).text()).toBe("whole")
  })

  test("does not keep its sender from the answer", async () => {
    const { request } = await served()
    const body = randomBytes(8 * 1024 * 1024)
    for (let round = 0; round < 3; round += 1)
      expect((await request(path, { as: "reader", method: "PUT", body })).status).toBe(403)
  })
})

describe("a large state file", () => {
  test("goes through in constant memory, both ways", async () => {
    const { request, store } = await served()
    const chunk = randomBytes(1024 * 1024)
    const count = 192
    const hash = createHash("sha256")
    let peak = 0
    async function* content(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < count; index += 1) {
        hash.update(chunk)
        peak = Math.max(peak, process.memoryUsage().rss)
        yield chunk
      }
    }
    const before = process.memoryUsage().rss
    const body = ReadableStream.from(content())
    const init: RequestInit & { duplex: "half" } = { method: "PUT", body, duplex: "half" }
    expect((await request(path, init)).status).toBe(200)
    const [newest] = (await store.history("db.json")) ?? []
    expect(newest).toMatchObject({ size: count * chunk.length, sha256: hash.digest("hex") })
    const got = createHash("sha256")
    for await (const part of (await request(path)).body ?? []) {
      got.update(part)
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    expect(got.digest("hex")).toBe(newest?.sha256)
    // Sender, server, store and receiver are all this process.
    expect((peak - before) / 1024 / 1024).toBeLessThan(100)
  })
})

describe("what the store says", () => {
  const damaged = async (all: Served, content: string): Promise<void> => {
    const names = await readdir(join(all.folder, "store"), { recursive: true })
    const blob = join(all.folder, "store", names.find((name) => /\/blobs\/./.test(name)) ?? "")
    await chmod(blob, 0o600)
    await writeFile(blob, content)
  }

  test("of damaged content is told before any of it, when it is small", async () => {
    const all = await served()
    await put(all.request, "one")
    await damaged(all, "onX")
    const got = await all.request(path)
    expect(got.status).toBe(500)
    expect(await got.json()).toMatchObject({ code: "state-content-corrupt" })
    expect(all.logged()).toContain("warning: GET")
  })

  test("of damaged content cuts the answer short, when it is large", async () => {
    const all = await served()
    const text = "x".repeat(2_000_000)
    await put(all.request, text)
    await damaged(all, `${text.slice(1)}y`)
    const got = await all.request(path)
    expect([got.status, got.headers.get("content-length")]).toEqual([200, "2000000"])
    await expect(got.text()).rejects.toThrow()
  })

  test.each([
    ["store-failed", 503],
    ["store-busy", 503],
    ["store-denied", 503],
    ["store-full", 507],
    ["store-damaged", 500],
    ["store-unsupported", 501],
  ])("of its own troubles is never that something is absent: %s is %d", async (code, status) => {
    const failing = (): Promise<never> =>
      Promise.reject(new AlcidesError({ code, message: "the disk is tired", hint: "let it rest" }))
    const all = await served({
      store: async () => ({
        ...(await served()).store,
        get: failing,
        put: failing,
        histories: failing,
        acquire: failing,
      }),
    })
    const lock = { method: "POST", body: '{"description":"","exclusive":true}' }
    for (const answer of [
      await all.request(path),
      await put(all.request, "x"),
      await all.request(`${repoPath}/states`),
      await all.request(`${repoPath}/lock/a`, lock),
    ]) {
      expect(answer.status).toBe(status)
      expect(answer.headers.get("retry-after")).toBe(status === 503 ? "5" : null)
      expect(await answer.json()).toEqual({ message: "the disk is tired; let it rest", errorTags: [], code })
    }
  })

  test("of what nobody foresaw stays here", async () => {
    const all = await served({ store: () => Promise.reject(new Error("secret detail")) })
    const answer = await all.request(path)
    expect(answer.status).toBe(500)
    expect(await answer.json()).toEqual({ message: "internal error", errorTags: [] })
    expect(all.logged()).toContain("secret detail")
  })

  test("is asked again after it could not be opened", async () => {
    const { store } = await served()
    let failures = 1
    const open = async (): Promise<StateStore> => {
      failures -= 1
      if (failures >= 0) throw new Error("not yet")
      return store
    }
    const { request } = await served({ store: open })
    expect((await request(path)).status).toBe(500)
    expect((await request(path)).status).toBe(404)
  })
})

describe("encrypted content", () => {
  test.each([0, 5, 3_000_000])("has the length of what is clear: %d bytes", async (length) => {
    const { folder } = await served()
    const pair = await keyPair()
    const encryption = await encryptionFor({ recipients: [pair], identities: [pair] })
    const url = pathToFileURL(join(folder, "store")).href
    const { request } = await served({ store: (project) => openStore(url, project, { encryption }) })
    const clear = "c".repeat(length)
    expect((await put(request, clear)).status).toBe(200)
    const got = await request(path)
    expect(got.headers.get("content-length")).toBe(String(length))
    expect((await got.text()) === clear).toBe(true)
    const listed = projectStateSchema.parse(await (await request(`${repoPath}/states`)).json())
    expect(listed.stateFiles["db.json"]?.versions).toMatchObject([{ sha256: null, size: null }])
  })
})

describe("the list of state files", () => {
  test("is Hercules CI's, with every field", async () => {
    const { request, store } = await served()
    expect(await (await request(`${repoPath}/states`)).json()).toEqual({ projectId: projectId(repo), stateFiles: {} })
    await put(request, "one")
    await put(request, "two")
    await store.put("__proto__", bytes("x"), { base: "absent", writer: { by: "carol" } })
    const text = await (await request(`${repoPath}/states`)).text()
    const answer = projectStateSchema.parse(JSON.parse(text))
    expect(Object.keys(z.record(z.string(), z.unknown()).parse(JSON.parse(text)["stateFiles"] ?? {}))).toContain(
      "db.json",
    )
    const file = answer.stateFiles["db.json"]
    expect(file).toMatchObject({ projectId: projectId(repo), name: "db.json" })
    expect(file?.versions.map(({ version, sha256, size }) => ({ version, sha256, size }))).toEqual([
      { version: 2, sha256: sha256("two"), size: 3 },
      { version: 1, sha256: sha256("one"), size: 3 },
    ])
    expect(file?.versions[0]).toMatchObject({
      projectId: projectId(repo),
      name: "db.json",
      creationTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      job: null,
      uploader: {
        sourceHostingSiteSlug: "github",
        slug: "alice",
        typ: "User",
        displayName: "alice",
        imageURL: "",
        organization: null,
        isInstalled: false,
        isInstallable: false,
        membershipRole: null,
        sourceHostingSites: null,
      },
    })
    expect(text).toContain('"__proto__":{"projectId"')
  })
})

test("no file of the store has a token in it", async () => {
  const { request, folder } = await served()
  await put(request, "one")
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (file.isFile()) expect(await readFile(join(file.parentPath, file.name), "utf8")).not.toContain(secrets.alice)
})
