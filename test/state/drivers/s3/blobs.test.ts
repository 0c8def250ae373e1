import { createHash } from "node:crypto"
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from "@aws-sdk/client-s3"
import { expect, onTestFinished, test, vi } from "vitest"
import { serverClock } from "../../../../src/state/drivers/s3/clock.ts"
import { s3Requests } from "../../../../src/state/drivers/s3/requests.ts"
import { abortStaleUploads } from "../../../../src/state/drivers/s3/stale-uploads.ts"
import { parseS3Url } from "../../../../src/state/drivers/s3/url.ts"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { startFaultProxy } from "../../../support/fault-proxy.ts"
import { freshBucket, s3Client, s3Environment, s3Server } from "../../../support/s3.ts"
import { s3Url } from "../../support/s3-storage.ts"

const mebibyte = 1024 ** 2

async function* content(size: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < size; done += 65_536) {
    const chunk = Buffer.alloc(Math.min(65_536, size - done), 7)
    if (chunk.length >= 4) chunk.writeUInt32LE(done)
    yield chunk
  }
}

async function digest(chunks: AsyncIterable<Uint8Array> | undefined) {
  const hash = createHash("sha256")
  let size = 0
  for await (const chunk of chunks ?? []) {
    hash.update(chunk)
    size += chunk.byteLength
  }
  return { size, sha256: hash.digest("hex") }
}

async function fresh() {
  const bucket = await freshBucket(await s3Server())
  const { server } = bucket
  const env = s3Environment(server.owner)
  const proxy = await startFaultProxy(server.endpoint)
  onTestFinished(() => proxy.stop())
  const client = s3Client(server)
  const steps: string[] = []
  const url = (more = "") => `${s3Url(bucket, { endpoint: proxy.endpoint })}${more}`
  return {
    bucket,
    client,
    proxy,
    steps,
    open: (more = "") => openS3Store(url(more), { env, onStep: ({ name }) => void steps.push(name) }),
    requestsAt: (prefix: string) =>
      s3Requests({ place: parseS3Url(s3Url(bucket, { prefix })), env, clock: serverClock(), onStep: undefined }),
    uploads: async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket.name }))).Uploads ?? [],
  }
}

test.each([0, 1, 8 * mebibyte])("%d bytes are one request there and one back", async (size) => {
  const { open, steps } = await fresh()
  const store = open()
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(size) })
  expect(blob).toEqual({
    ...(await digest(content(size))),
    name: expect.stringMatching(`^1-${blob.sha256}-[0-9a-f]{12}$`),
  })
  expect(await digest(await store.readBlob("blobs", blob.name))).toEqual({ size, sha256: blob.sha256 })
  expect(steps).toEqual(["put blob", "get blob"])
})

test.each(["", "&checksums=supported"])("what is larger goes in parts, and comes back whole%s", async (more) => {
  const { bucket, open, steps, uploads } = await fresh()
  const store = open(more)
  const size = 20 * mebibyte + 3
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(size) })
  expect(blob).toEqual({ ...(await digest(content(size))), name: expect.stringMatching(/^1-multipart-[0-9a-f]{12}$/) })
  expect(await digest(await store.readBlob("blobs", blob.name))).toEqual({ size, sha256: blob.sha256 })
  expect(steps.filter((name) => name === "put part")).toHaveLength(3)
  expect(await uploads()).toEqual([])
  expect(await bucket.keys()).toEqual([`store/blobs/${blob.name}`])
  const [entry] = await store.blobs("blobs")
  expect(entry?.name).toBe(blob.name)
  expect(Math.abs((entry?.modified ?? 0) - (await store.now()))).toBeLessThan(5_000)
  await store.removeBlob("blobs", blob.name)
  await store.removeBlob("blobs", blob.name)
  expect(await store.readBlob("blobs", blob.name)).toBeUndefined()
  expect(await store.blobs("blobs")).toEqual([])
})

test("content that breaks off leaves nothing behind", async () => {
  const { bucket, open, uploads } = await fresh()
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* content(20 * mebibyte)
    throw new Error("the export failed")
  }
  await expect(open().writeBlob("blobs", { stem: "1", content: broken() })).rejects.toThrow("the export failed")
  expect(await uploads()).toEqual([])
  expect(await bucket.keys()).toEqual([])
})

test("a part that cannot be sent ends the upload, and the content is asked for no more", async () => {
  const { open, proxy, uploads } = await fresh()
  proxy.plan(({ query }) => (query.includes("partNumber=2") ? { kind: "answer", status: 403, done: false } : undefined))
  let asked = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content(200 * mebibyte)) {
      asked += chunk.byteLength
      yield chunk
    }
  }
  await expect(open().writeBlob("blobs", { stem: "1", content: counted() })).rejects.toMatchObject({
    code: "store-denied",
    message: expect.stringContaining("refuses to put part"),
  })
  expect(asked).toBeLessThan(100 * mebibyte)
  expect(await uploads()).toEqual([])
})

test("parts and their completion are sent again, and a completion whose answer was lost counts", async () => {
  const { open, proxy, steps } = await fresh()
  const faults = new Map([
    ["partNumber=1", { kind: "cut during" }],
    ["partNumber=2", { kind: "answer", status: 503, done: true }],
    ["POST", { kind: "cut after" }],
  ] as const)
  proxy.plan(({ method, query }) => {
    for (const [key, fault] of faults) {
      const completes = key === "POST" && method === "POST" && query.includes("uploadId=")
      if (!completes && !query.includes(key)) continue
      faults.delete(key)
      return fault
    }
    return undefined
  })
  const size = 9 * mebibyte
  const store = open()
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(size) })
  expect(faults.size).toBe(0)
  expect(steps.filter((name) => name === "complete upload")).toHaveLength(1)
  expect(await digest(await store.readBlob("blobs", blob.name))).toEqual({ size, sha256: blob.sha256 })
})

test("a download that breaks goes on also for whoever reads slowly: their pauses are no attempts of ours", async () => {
  vi.useFakeTimers({ toFake: ["performance"] })
  onTestFinished(() => void vi.useRealTimers())
  const { open, proxy } = await fresh()
  const store = open()
  const size = 200 * 1024
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(size) })
  let left = 1
  proxy.plan(({ method }) => (method === "GET" && left-- > 0 ? { kind: "shorten" } : undefined))
  const slowly = async function* (chunks: AsyncIterable<Uint8Array> | undefined) {
    for await (const chunk of chunks ?? []) {
      vi.advanceTimersByTime(75_000)
      yield chunk
    }
  }
  expect(await digest(slowly(await store.readBlob("blobs", blob.name)))).toEqual({ size, sha256: blob.sha256 })
})

test("a download that breaks again and again goes on where it broke", async () => {
  const { open, proxy, steps } = await fresh()
  const store = open()
  const size = 12 * mebibyte
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(size) })
  let left = 3
  proxy.plan(({ method }) => (method === "GET" && left-- > 0 ? { kind: "shorten" } : undefined))
  expect(await digest(await store.readBlob("blobs", blob.name))).toEqual({ size, sha256: blob.sha256 })
  expect(steps.filter((name) => name === "get blob")).toHaveLength(4)
  expect(proxy.requests.filter(({ method }) => method === "GET").length).toBeGreaterThanOrEqual(4)
})

test("what stands under another's name while it is read is not glued to what was read", async () => {
  const { bucket, open, proxy } = await fresh()
  const store = open()
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(mebibyte) })
  let cut = false
  proxy.plan(({ method }) => {
    if (method !== "GET" || cut) return undefined
    cut = true
    return { kind: "shorten" }
  })
  const opened = await store.readBlob("blobs", blob.name)
  await bucket.put(`store/blobs/${blob.name}`, Buffer.alloc(mebibyte, 1))
  await expect(digest(opened)).rejects.toMatchObject({
    code: "store-damaged",
    message: expect.stringContaining("was replaced while it was read"),
  })
})

test("what is removed while it is read says so", async () => {
  const { open, proxy } = await fresh()
  const store = open()
  const blob = await store.writeBlob("blobs", { stem: "1", content: content(mebibyte) })
  let cut = false
  proxy.plan(({ method }) => {
    if (method !== "GET" || cut) return undefined
    cut = true
    return { kind: "shorten" }
  })
  const opened = await store.readBlob("blobs", blob.name)
  await store.removeBlob("blobs", blob.name)
  await expect(digest(opened)).rejects.toMatchObject({
    code: "state-content-missing",
    message: expect.stringMatching(/^s3:.*\/blobs\/1-.* was removed while it was read: /),
  })
})

test("contents that nobody uploaded to the end are taken back when they are old, and nobody else's uploads", async () => {
  const { bucket, client, requestsAt, uploads } = await fresh()
  const begin = async (Key: string) => client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key }))
  const name = "projects/github/neat-org/neat-repo/state/a.json/blobs/12-multipart-0123456789ab"
  const others = [
    "elsewhere/backup.tar",
    "other/blobs/1-multipart-0123456789ab",
    "projects/backup.tar",
    "projects/x/blobs/1-multipart-0123456789ab.tar",
    "projects/x/blobs/backup-multipart-0123456789ab",
    "store/backup.tar",
  ]
  for (const key of [...others, name, `store/${name}`]) await begin(key)
  const left = async (): Promise<readonly (string | undefined)[]> => (await uploads()).map(({ Key }) => Key).toSorted()
  await abortStaleUploads(requestsAt(""), Date.now() + 23 * 3600_000)
  expect(await left()).toEqual([...others, name, `store/${name}`].toSorted())
  await abortStaleUploads(requestsAt("store"), Date.now() + 25 * 3600_000)
  expect(await left()).toEqual([...others, name].toSorted())
  await abortStaleUploads(requestsAt(""), Date.now() + 25 * 3600_000)
  expect(await left()).toEqual(others)
})

test("servers that are not AWS are sent no checksums but the one that all know, unless the URL says otherwise", async () => {
  const { open, proxy } = await fresh()
  const sentWith = async (more: string): Promise<readonly string[]> => {
    const store = open(more)
    const before = proxy.requests.length
    for (const size of [10, 9 * mebibyte]) await store.writeBlob("blobs", { stem: "1", content: content(size) })
    await store.swap(`record${more}`, { text: "{}", expected: "absent" })
    const names = proxy.requests.slice(before).flatMap(({ headers }) => headers)
    return [...new Set(names)].filter((name) => /checksum|trailer/.test(name))
  }
  expect(await sentWith("")).toEqual([])
  expect(await sentWith("&checksums=supported")).not.toEqual([])
})
