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

  const work = async (allowed: readonly string[]): Promise<void> => {
    const bucket = await freshBucket(await s3Server())
    await bucket.allowGuest(allowed)
    const objects = openS3Store(s3Url(bucket), { env: s3Environment(bucket.server.guest) })
    const store = createStateStore({ objects, project })
    const writer = { by: "guest" }
    await store.put("a.json", large(), { base: "absent", writer })
    expect((await textOf((await store.get("a.json"))?.content ?? large())).length).toBe(9 * 1024 ** 2)
    await store.break("production", { by: "guest" })
    expect((await store.list()).map(({ name }) => name)).toEqual(["a.json"])
    expect(await store.get("absent")).toBeUndefined()
    const blob = await objects.writeBlob("blobs", { stem: "1", content: large() })
    await objects.removeBlob("blobs", blob.name)
  }

  await work(actions)
  const outcomes = await Promise.all(
    actions.map(async (needed) => {
      const outcome = work(actions.filter((action) => action !== needed))
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
