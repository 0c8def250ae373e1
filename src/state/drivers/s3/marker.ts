import { randomUUID } from "node:crypto"
import * as z from "zod/mini"
import { parseRecord } from "../../records/records.ts"
import { unusable, type Step } from "./failures.ts"
import { patience } from "./patience.ts"
import { probe, storeUnsafe, type Verdict } from "./probe.ts"
import type { S3Requests } from "./requests.ts"
import { isAws } from "./url.ts"

const key = "alcides-store.json"

const markerSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  probe: z.strictObject({ unsafe: z.optional(z.string()), quoted: z.boolean(), versioned: z.boolean() }),
})

/** The object that makes a prefix a store, and remembers what was found out about its server. */
export interface StoreMarker {
  /** Asks the server for it: any answer tells the time. */
  read(): Promise<Verdict | undefined>
  /** Before a record is made: throws `store-unsafe` unless conditional writes are known to hold; the first writer of a store finds out. */
  assertSafe(): Promise<void>
  /** Before a record is replaced: its maker has asked already, so nothing is asked unless the server has shown that it has changed. */
  assertNotUnsafe(): void
  /** A record was written in a bucket with versions. Throws `store-unsafe` unless that was probed. */
  assertVersionsSafe(): Promise<void>
  /** Throws `store-unsafe` when a new probe says so: the server did what it should not. */
  probeAgain(): Promise<void>
  /** The value of `If-Match` for an ETag without quotes. */
  match(etag: string): string
  /** This was refused although the ETag is right: the server may want the other form. */
  refused(match: string | undefined): void
}

/** The marker of the store that these requests go to. */
export function storeMarker(requests: S3Requests): StoreMarker {
  const { bucket: Bucket, prefix, endpoint } = requests.place
  const Key = prefix + key
  const put: Step = { name: "put marker", key }
  let verdict: Verdict | undefined
  let quoted = isAws(endpoint)
  let asking: Promise<void> | undefined

  const learn = (learned: Verdict): Verdict => {
    quoted = learned.quoted
    return (verdict = learned)
  }

  const read = async (): Promise<Verdict | undefined> => {
    const text = await requests.find({ name: "get marker", key }, async ({ sdk, client }, abortSignal) => {
      const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }), { abortSignal })
      return (await Body?.transformToString()) ?? ""
    })
    if (text === undefined) return undefined
    return learn(parseRecord({ text, schema: markerSchema, where: `s3://${Bucket}/${Key}` }).probe)
  }

  const write = async (found: Verdict, condition: { readonly IfNoneMatch?: "*" }): Promise<void> => {
    const Body = `${JSON.stringify({ format: 1, id: randomUUID(), probe: found })}\n`
    const { another } = patience()
    for (;;) {
      const outcome = await requests.attempt(put, ({ sdk, client }, abortSignal) =>
        client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ...condition }), { abortSignal }),
      )
      if ("answer" in outcome && outcome.answer.ETag !== undefined) return
      const failure = "failure" in outcome ? outcome.failure : unusable("no ETag")
      // Another program may have made the store since; either marker is good.
      if (condition.IfNoneMatch !== undefined && (await read()) !== undefined) return
      if (!(await another(failure))) throw requests.error(failure, put)
    }
  }

  const assertNotUnsafe = (): void => {
    if (verdict?.unsafe !== undefined) throw storeUnsafe(requests, verdict)
  }

  const ask = async (): Promise<void> => {
    const known = verdict ?? (await read())
    if (known === undefined) {
      const found = learn(await probe(requests, { quoted }))
      await write(found, found.unsafe === undefined ? { IfNoneMatch: "*" } : {})
    }
  }

  const probeAgain = async (): Promise<void> => {
    const found = learn(await probe(requests, { quoted }))
    await write(found, {})
    assertNotUnsafe()
  }

  return {
    read,
    assertNotUnsafe,
    probeAgain,
    async assertSafe() {
      // Records that are made at the same time ask once.
      await (asking ??= ask().catch((error: unknown) => {
        asking = undefined
        throw error
      }))
      assertNotUnsafe()
    },
    async assertVersionsSafe() {
      const known = verdict ?? (await read())
      if (known?.versioned === true && known.unsafe === undefined) return
      await probeAgain()
    },
    match: (etag) => (quoted ? `"${etag}"` : etag),
    refused(match) {
      quoted = match?.startsWith('"') !== true
    },
  }
}
