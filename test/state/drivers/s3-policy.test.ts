import { readFile } from "node:fs/promises"
import * as z from "zod/mini"
import { expect, test } from "vitest"
import { AlcidesError } from "../../../src/errors.ts"
import { openS3Store } from "../../../src/state/drivers/s3.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { freshBucket, s3Environment, s3Server } from "../../support/s3.ts"
import { project } from "../contract.ts"
import { textOf } from "../support/content.ts"
import { s3Url } from "../support/s3-storage.ts"

const guide = new URL("../../../docs/guides/state-in-s3.md", import.meta.url)
const policySchema = z.object({
  Statement: z.array(z.object({ Action: z.array(z.string()), Resource: z.string() })),
})

async function* large(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < 9; sent += 1) yield Buffer.alloc(1024 ** 2, "x")
}

test("the policy of the guide suffices for all that a store does, and nothing less", async () => {
  const [, json = ""] = /## The policy that suffices\n\n```json\n(.*?)```/s.exec(await readFile(guide, "utf8")) ?? []
  const { Statement } = policySchema.parse(JSON.parse(json))
  const actions = Statement.flatMap(({ Action }) => Action)

  const work = async (denied?: string): Promise<void> => {
    const bucket = await freshBucket(await s3Server())
    await bucket.allowGuestOnly(
      Statement.map(({ Action, Resource }) => ({
        Action: Action.filter((action) => action !== denied),
        Resource: Resource.replace("neat-state", bucket.name),
      })).filter(({ Action }) => Action.length > 0),
    )
    const objects = openS3Store(s3Url(bucket, { prefix: "fleet" }), { env: s3Environment(bucket.server.guest) })
    const store = createStateStore({ objects, project })
    const writer = { by: "guest" }
    await store.put("a.json", large(), { base: "absent", writer })
    expect((await textOf((await store.get("a.json"))?.content ?? large())).length).toBe(9 * 1024 ** 2)
    await store.break("production", { by: "guest" })
    expect((await store.list()).map(({ name }) => name)).toEqual(["a.json"])
    expect(await store.get("absent")).toBeUndefined()
    await store.put("a.json", large(), { base: 1, writer })
    await store.rollback("a.json", { to: 1, writer })
    await store.delete("a.json", { writer })
    const asked = { lock: "deploy", exclusive: true, description: "", holder: writer, ttl: 60, queue: false }
    const acquired = await store.acquire({ ...asked, idempotencyKey: "key" })
    if (acquired.outcome !== "acquired") throw new Error("blocked")
    await store.renew(acquired.lease.id, { ttl: 60 })
    await store.release(acquired.lease.id)
    const blob = await objects.writeBlob("blobs", { stem: "1", content: large() })
    await objects.removeBlob("blobs", blob.name)
  }

  await work()
  const outcomes = await Promise.all(
    actions.map(async (needed) => {
      const outcome = work(needed)
      return [
        needed,
        await outcome.then(
          () => "works",
          (error: unknown) => (error instanceof AlcidesError ? error.code : error),
        ),
      ]
    }),
  )
  expect(Object.fromEntries(outcomes)).toEqual({
    // On Ceph, who wrote an object may read it in any case.
    "s3:GetObject": "works",
    "s3:PutObject": "store-denied",
    "s3:DeleteObject": "store-denied",
    "s3:ListBucket": "store-denied",
    // What they do is done as well as it can be.
    "s3:AbortMultipartUpload": "works",
    "s3:ListBucketMultipartUploads": "works",
  })
})
