import { once } from "node:events"
import { createServer } from "node:http"
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { openStore } from "../../../../src/state/open.ts"
import type { StateStore } from "../../../../src/state/store.ts"
import { freePorts } from "../../../support/free-ports.ts"
import { s3Environment, type Bucket } from "../../../support/s3.ts"
import { project } from "../../contract.ts"
import { bytes, textOf } from "../../support/content.ts"
import { faultyStorage } from "../../support/faulty-storage.ts"
import { s3Storage, s3Url } from "../../support/s3-storage.ts"

const writer = { by: "alice@ci" }
const request = {
  lock: "production",
  exclusive: true,
  description: "deploy",
  holder: writer,
  ttl: 60,
  idempotencyKey: "key",
  queue: false,
}

const read = async (store: StateStore, version?: number): Promise<string | undefined> => {
  const found = await store.get("a.json", version === undefined ? {} : { version })
  return found === undefined ? undefined : textOf(found.content)
}

/** Everything that could read as "absent" or "free" where it must not. */
const operations: Readonly<Record<string, (store: StateStore) => Promise<unknown>>> = {
  get: read,
  history: (store) => store.history("a.json"),
  list: (store) => store.list(),
  put: (store) => store.put("a.json", bytes("new"), { base: "current", writer }),
  delete: (store) => store.delete("a.json", { writer }),
  acquire: (store) => store.acquire(request),
  locks: (store) => store.locks(),
}
const everyOperation = Object.keys(operations)

async function expectEach(store: StateStore, names: readonly string[], error: object): Promise<void> {
  for (const name of names) await expect(operations[name]?.(store), name).rejects.toMatchObject(error)
}

describe("what the server does not let in", () => {
  let bucket: Bucket
  let url: string
  beforeAll(async () => {
    ;({ bucket, url } = await s3Storage())
    await (await ownerStore()).put("a.json", bytes("one"), { base: "absent", writer })
  })
  const ownerStore = (): Promise<StateStore> => openStore(url, project, { env: s3Environment(bucket.server.owner) })
  const storeOf = (user: { accessKeyId?: string; secretAccessKey?: string }): Promise<StateStore> =>
    openStore(url, project, { env: s3Environment({ ...bucket.server.owner, ...user }) })

  test("a key that it does not know", async () => {
    await expectEach(await storeOf({ accessKeyId: "nobody" }), everyOperation, {
      code: "store-denied",
      message: expect.stringContaining("it does not know the access key"),
      hint: expect.stringContaining("AWS_ACCESS_KEY_ID"),
    })
  })

  test("a secret that does not fit", async () => {
    await expectEach(await storeOf({ secretAccessKey: "another" }), everyOperation, {
      code: "store-denied",
      message: expect.stringContaining("the secret key does not fit the access key"),
      hint: expect.stringContaining("AWS_SECRET_ACCESS_KEY"),
    })
  })

  test("no credentials at all", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined)
    for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/dev/null")
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true")
    onTestFinished(() => void vi.unstubAllEnvs())
    await expectEach(await openStore(url, project, { env: {} }), everyOperation, { code: "store-credentials-missing" })
  })

  test("a stranger, then a reader who may not list, then one who may, and neither writes", async () => {
    const guest = await storeOf(bucket.server.guest)
    const denied = {
      code: "store-denied",
      message: expect.stringContaining("the access key may not do that"),
      hint: expect.stringContaining("docs/guides/state-in-s3.md"),
    }
    await expectEach(guest, everyOperation, denied)

    await bucket.allowGuest(["s3:GetObject"])
    expect(await read(guest)).toBe("one")
    // Without s3:ListBucket a server does not tell "absent" from "forbidden", so neither do we.
    await expect(guest.get("b.json")).rejects.toMatchObject(denied)
    await expectEach(guest, ["put", "delete", "acquire", "list", "locks"], denied)

    await bucket.allowGuest(["s3:GetObject", "s3:ListBucket"])
    expect(await guest.get("b.json")).toBeUndefined()
    expect(await guest.list()).toMatchObject([{ name: "a.json" }])
    expect(await guest.locks()).toEqual([])
    await expectEach(guest, ["put", "delete", "acquire"], denied)
    expect(await read(await ownerStore())).toBe("one")
  })
})

test("a bucket that is not there", async () => {
  const { bucket, env } = await s3Storage()
  const store = await openStore(s3Url({ ...bucket, name: "no-such-bucket" }), project, { env })
  await expectEach(store, everyOperation, {
    code: "store-bucket-missing",
    message: expect.stringContaining("no-such-bucket"),
  })
})

describe("what is no S3 server", () => {
  const answers: readonly (readonly [string, number, Readonly<Record<string, string>>, string])[] = [
    ["a web page", 200, { "content-type": "text/html" }, "<!doctype html><html><body>Welcome</body></html>"],
    ["a web page that is not found", 404, { "content-type": "text/html" }, "<html>404 Not Found</html>"],
    ["a plain 404", 404, {}, ""],
    ["XML that is not found, but is no S3 error", 404, { "content-type": "application/xml" }, "<html/>"],
    ["an empty success", 200, {}, ""],
    ["JSON", 200, { "content-type": "application/json" }, "{}"],
    ["a login page", 302, { location: "/login" }, ""],
    ["a forbidding proxy", 403, { "content-type": "text/html" }, "<html>blocked</html>"],
    ["no content", 204, {}, ""],
  ]

  test.concurrent.each(answers)("%s", async (_, status, headers, body) => {
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(status, headers).end(body)
    })
    const [port = 0] = await freePorts(1)
    server.listen(port, "127.0.0.1")
    await once(server, "listening")
    try {
      const { bucket, env } = await s3Storage()
      const store = await openStore(s3Url(bucket, { endpoint: `http://127.0.0.1:${port}` }), project, { env })
      const started = performance.now()
      await expectEach(store, everyOperation, {
        code: expect.stringMatching(/^store-(failed|denied|damaged|unsupported|region-wrong)$/),
        message: expect.stringContaining(bucket.name),
      })
      expect(performance.now() - started).toBeLessThan(30_000)
    } finally {
      server.close()
    }
  })

  test("nobody", async () => {
    const { bucket, env } = await s3Storage()
    const [port = 0] = await freePorts(1)
    const store = await openStore(s3Url(bucket, { endpoint: `http://127.0.0.1:${port}` }), project, { env })
    await expectEach(store, ["get", "put", "acquire", "list"], {
      code: "store-unreachable",
      message: expect.stringContaining(`http://127.0.0.1:${port} cannot be reached (ECONNREFUSED)`),
      hint: "check the endpoint and the network",
    })
  })
})

describe("what the server says it cannot do", () => {
  const error = (code: string, more = ""): string => `<Error><Code>${code}</Code>${more}</Error>`

  test.each([
    ["the wrong region", 301, error("PermanentRedirect"), { code: "store-region-wrong" }],
    [
      "the wrong region, with the right one",
      400,
      error("AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"),
      { code: "store-region-wrong", message: expect.stringContaining("eu-central-1") },
    ],
    ["no space left", 507, error("InsufficientCapacity"), { code: "store-full" }],
    [
      "a quota",
      403,
      error("QuotaExceeded"),
      { code: "store-full", hint: expect.stringContaining("nothing was changed") },
    ],
    ["an old session", 400, error("ExpiredToken"), { code: "store-denied", hint: "get new credentials" }],
    ["something unheard of", 418, error("Teapot"), { code: "store-failed", message: expect.stringContaining("418") }],
  ] as const)("%s", async (_, status, body, expected) => {
    const { proxy, openThroughProxy, openDirectly, remove } = await faultyStorage()
    onTestFinished(remove)
    await (await openDirectly()).put("a.json", bytes("one"), { base: "absent", writer })
    proxy.plan(() => ({ kind: "answer", status, done: false, body }))
    await expectEach(await openThroughProxy(), everyOperation, expected)
    expect(await read(await openDirectly())).toBe("one")
  })
})

describe("damage in the bucket", () => {
  /** Two state files, and where the first one's objects are. */
  const damaged = async () => {
    const { bucket, open } = await s3Storage()
    const store = await open(project)
    await store.put("a.json", bytes("the first content"), { base: "absent", writer })
    await store.put("b.json", bytes("another content"), { base: "absent", writer })
    const keys = await bucket.keys()
    const keyOf = (pattern: RegExp): string => keys.find((key) => pattern.test(key)) ?? ""
    return {
      bucket,
      store: await open(project),
      blob: keyOf(/\/a\.json\/blobs\//),
      head: keyOf(/\/a\.json\/head$/),
      other: keyOf(/\/b\.json\/head$/),
      marker: keyOf(/alcides-store\.json$/),
    }
  }
  const flipped = (content: Buffer): Buffer => {
    const copy = Buffer.from(content)
    const middle = Math.floor(copy.length / 2)
    copy[middle] = (copy[middle] ?? 0) ^ 1
    return copy
  }

  test.each([
    ["truncated", "state-content-truncated", (content: Buffer) => content.subarray(0, -1)],
    ["empty", "state-content-truncated", () => Buffer.alloc(0)],
    ["too long", "state-content-truncated", (content: Buffer) => Buffer.concat([content, Buffer.from("x")])],
    ["with one bit flipped", "state-content-corrupt", flipped],
  ] as const)("content that is %s", async (_, code, damage) => {
    const { bucket, store, blob } = await damaged()
    await bucket.put(blob, damage(await bucket.get(blob)))
    await expect(read(store)).rejects.toMatchObject({ code, message: expect.stringContaining('version 1 of "a.json"') })
    // A new version on top of it helps.
    expect(await store.put("a.json", bytes("whole"), { base: 1, writer })).toMatchObject({ version: 2 })
    expect(await read(store)).toBe("whole")
  })

  test("content that is gone", async () => {
    const { bucket, store, blob } = await damaged()
    await bucket.remove(blob)
    await expect(read(store)).rejects.toMatchObject({ code: "state-content-missing" })
  })

  test.each([
    ["garbage", "store-damaged", "does not begin as a record does", () => "garbage"],
    ["empty", "store-damaged", "does not begin as a record does", () => ""],
    ["truncated", "store-damaged", "truncated or altered", (text: string) => text.slice(0, -2)],
    [
      "with one letter changed",
      "store-damaged",
      "truncated or altered",
      (text: string) => text.replace("alice", "alicf"),
    ],
    [
      "of a newer Alcides",
      "store-format-unknown",
      "format 2",
      (text: string) => text.replace("alcides-record 1", "alcides-record 2"),
    ],
  ] as const)("a record that is %s", async (_, code, what, damage) => {
    const { bucket, store, head } = await damaged()
    await bucket.put(head, damage((await bucket.get(head)).toString()))
    const refused = { code, message: expect.stringContaining(what) }
    await expectEach(store, ["get", "history", "list", "put", "delete"], refused)
    expect((await bucket.get(head)).toString()).not.toContain("new")
  })

  test("a record of another state file", async () => {
    const { bucket, store, head, other } = await damaged()
    await bucket.put(head, await bucket.get(other))
    await expectEach(store, ["get", "history", "put", "delete"], {
      code: "store-damaged",
      message: expect.stringContaining('is the record of "b.json", not of "a.json"'),
    })
  })

  test("a marker that is garbage, or of a newer Alcides", async () => {
    const { bucket, store, marker } = await damaged()
    const text = (await bucket.get(marker)).toString()
    await bucket.put(marker, "garbage")
    await expectEach(store, ["acquire"], {
      code: "store-damaged",
      message: expect.stringContaining("alcides-store.json"),
    })
    await bucket.put(marker, text.replace('"format":1', '"format":2'))
    await expectEach(store, ["acquire"], { code: "store-format-unknown" })
  })
})

describe("a bucket with versions, where this server's conditional writes do not hold", () => {
  const unsafe = {
    code: "store-unsafe",
    message: expect.stringContaining("no lock would hold"),
    hint: expect.stringContaining("a bucket without versions"),
  }

  test("takes neither state nor locks", async () => {
    const { bucket, open } = await s3Storage()
    await bucket.enableVersioning()
    await expectEach(await open(project), ["put", "acquire"], unsafe)
    // The next program knows without asking again.
    const before = (await bucket.keys()).length
    await expectEach(await open(project), ["put", "acquire"], unsafe)
    expect((await bucket.keys()).filter((key) => !key.includes("/blobs/")).length).toBeLessThanOrEqual(before)
    expect(await read(await open(project))).toBeUndefined()
  })

  test("is noticed when it gets them later, and what is there can still be read", async () => {
    const { bucket, open } = await s3Storage()
    await (await open(project)).put("a.json", bytes("one"), { base: "absent", writer })
    const answer = await (await open(project)).acquire({ ...request, lock: "other" })
    if (answer.outcome !== "acquired") throw new Error("blocked")
    await bucket.enableVersioning()
    await expectEach(await open(project), ["put", "delete"], unsafe)
    await expect((await open(project)).renew(answer.lease.id, { ttl: 60 })).rejects.toMatchObject(unsafe)
    await expectEach(await open(project), ["acquire"], unsafe)
    expect(await read(await open(project))).toBe("one")
    expect(await (await open(project)).history("a.json")).toHaveLength(1)
  })
})
