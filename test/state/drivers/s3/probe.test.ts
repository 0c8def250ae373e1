import * as z from "zod/mini"
import { expect, onTestFinished, test } from "vitest"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { startFaultProxy } from "../../../support/fault-proxy.ts"
import { freshBucket, s3Environment, s3Server, type Bucket } from "../../../support/s3.ts"
import { s3Url } from "../../support/s3-storage.ts"

const create = { text: "{}", expected: "absent" } as const
const marker = "store/alcides-store.json"

async function fresh() {
  const bucket = await freshBucket(await s3Server())
  const env = s3Environment(bucket.server.owner)
  const open = (endpoint = bucket.server.endpoint) => {
    const steps: string[] = []
    const store = openS3Store(s3Url(bucket, { endpoint }), { env, onStep: ({ name }) => void steps.push(name) })
    return { store, steps }
  }
  return { bucket, open }
}

async function markerOf(bucket: Bucket) {
  const schema = z.object({ format: z.number(), id: z.string(), probe: z.record(z.string(), z.unknown()) })
  return schema.parse(JSON.parse((await bucket.get(marker)).toString()))
}

test("the first record of a store is made after a probe, whose verdict is kept beside it and whose objects are not", async () => {
  const { bucket, open } = await fresh()
  const first = open()
  await first.store.swap("one", create)
  expect(first.steps.filter((name) => name === "probe").length).toBeGreaterThan(50)
  expect(await markerOf(bucket)).toMatchObject({ format: 1, probe: { quoted: false, versioned: false } })
  expect((await bucket.keys()).toSorted()).toEqual([marker, "store/one"])
})

test("other programs read the verdict, once, and only to make a record", async () => {
  const { open } = await fresh()
  const tag = await open().store.swap("one", create)
  const other = open()
  expect(await other.store.swap("one", { text: "1", expected: tag ?? "" })).toBeDefined()
  expect(other.steps).toEqual(["put record"])
  await other.store.swap("two", create)
  await other.store.swap("three", create)
  expect(other.steps).toEqual(["put record", "get marker", "put record", "put record"])
})

test("many programs may find out at the same time", async () => {
  const { bucket, open } = await fresh()
  const stores = Array.from({ length: 4 }, () => open().store)
  const tags = await Promise.all(stores.map((store) => store.swap("one", create)))
  expect(tags.filter((tag) => tag !== undefined)).toHaveLength(1)
  expect((await bucket.keys()).toSorted()).toEqual([marker, "store/one"])
})

test("a bucket with versions, where Ceph 16.2 ignores If-None-Match, is refused, also by the next program without another probe", async () => {
  const { bucket, open } = await fresh()
  await bucket.enableVersioning()
  const unsafe = {
    code: "store-unsafe",
    message: expect.stringMatching(
      /overwrites what should only be made \(If-None-Match: \*\), in a bucket with versions$/,
    ),
    hint: expect.stringContaining("a bucket without versions"),
  }
  const { store } = open()
  await expect(store.swap("one", create)).rejects.toMatchObject(unsafe)
  await expect(store.swap("one", { text: "{}", expected: "abc def" })).rejects.toMatchObject(unsafe)
  expect(await store.read("one")).toBeUndefined()
  const other = open()
  await expect(other.store.swap("one", create)).rejects.toMatchObject(unsafe)
  expect(other.steps).toEqual(["get marker"])
})

test("a bucket that gets versions later is found out, and what is there can still be read", async () => {
  const { bucket, open } = await fresh()
  const tag = await open().store.swap("one", { text: "before", expected: "absent" })
  await bucket.enableVersioning()
  for (const change of [{ text: "after", expected: tag ?? "" }, create]) {
    await expect(open().store.swap(change === create ? "two" : "one", change)).rejects.toMatchObject({
      code: "store-unsafe",
    })
  }
  expect((await open().store.read("one"))?.text).toBe("before")
})

test("a server that knows no conditional writes is refused", async () => {
  const { bucket, open } = await fresh()
  const proxy = await startFaultProxy(bucket.server.endpoint)
  onTestFinished(() => proxy.stop())
  proxy.plan(({ method, path }) =>
    method === "PUT" && path.includes("probe-") ? { kind: "answer", status: 501, done: false } : undefined,
  )
  await expect(open(proxy.endpoint).store.swap("one", create)).rejects.toMatchObject({
    code: "store-unsafe",
    message: expect.stringContaining("answers that it knows no conditional writes"),
    hint: expect.stringContaining("use another server"),
  })
})

test("faults on the way are no verdict", async () => {
  const { bucket, open } = await fresh()
  const proxy = await startFaultProxy(bucket.server.endpoint)
  onTestFinished(() => proxy.stop())
  let count = 0
  proxy.plan(() => {
    count += 1
    return count % 40 === 3
      ? { kind: "cut after" }
      : count % 40 === 20
        ? { kind: "answer", status: 500, done: true }
        : undefined
  })
  expect(await open(proxy.endpoint).store.swap("one", create)).toBeDefined()
  expect((await markerOf(bucket)).probe).toMatchObject({ versioned: false })
  expect((await markerOf(bucket)).probe).not.toHaveProperty("unsafe")
})

test("a newer format of the store is left alone", async () => {
  const { bucket, open } = await fresh()
  await bucket.put(marker, '{"format":2,"id":"x"}')
  await expect(open().store.swap("one", create)).rejects.toMatchObject({ code: "store-format-unknown" })
  expect(await bucket.keys()).toEqual([marker])
})
