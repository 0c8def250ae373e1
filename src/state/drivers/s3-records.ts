import type { ObjectStore } from "../objects.ts"
import type { Failure, Step } from "./s3-failures.ts"
import { patience } from "./s3-patience.ts"
import { newWriter, unwrapRecord, wrapRecord, written, type Lineage } from "./s3-record-text.ts"
import type { S3Requests } from "./s3-requests.ts"
import { listed } from "./s3-list.ts"
import type { S3Place } from "./s3-url.ts"

// A record is one object, replaced by conditional writes. An answer that does not say surely what became of a write is decided by reading
// back who wrote what stands now.

type Found = Lineage & { readonly text: string; readonly etag: string }

/** Records for the S3 driver. */
export function s3Records({
  place,
  requests,
}: {
  readonly place: S3Place
  readonly requests: S3Requests
}): Pick<ObjectStore, "read" | "swap" | "children"> {
  const Bucket = place.bucket

  const find = async (key: string): Promise<Found | undefined> => {
    const Key = place.prefix + key
    const found = await requests.find({ name: "get record", key }, async ({ sdk, client }) => {
      const { ETag, Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }))
      return { etag: unquoted(ETag), body: (await Body?.transformToString()) ?? "" }
    })
    if (found === undefined) return undefined
    return { ...unwrapRecord(found.body, `s3://${Bucket}/${Key}`), etag: found.etag }
  }

  return {
    async read(key) {
      const found = await find(key)
      return found === undefined ? undefined : { text: found.text, tag: tagOf(found) }
    },

    async swap(key, { text, expected }) {
      const before = parseTag(expected)
      const writer = newWriter()
      const { writers } = written(writer, before ?? { writers: [] })
      const step: Step = { name: "put record", key }
      const condition = before === undefined ? { IfNoneMatch: "*" } : { IfMatch: before.etag }
      const Body = wrapRecord({ writers, text })
      const { another } = patience()
      for (;;) {
        const result = await requests.attempt(step, ({ sdk, client }) =>
          client.send(new sdk.PutObjectCommand({ Bucket, Key: place.prefix + key, Body, ...condition })),
        )
        if ("answer" in result && result.answer.ETag !== undefined)
          return tagOf({ writers, etag: unquoted(result.answer.ETag) })
        const failure = "failure" in result ? result.failure : noTag
        if (isRefusal(failure)) throw requests.error(failure, step)
        const found = await find(key)
        if (found?.writers[0] === writer) return tagOf(found)
        // Others have written since. What this write made has a tag that stands for nothing any more.
        if (found?.writers.includes(writer)) return tagOf({ writers, etag: writer })
        if (found?.etag !== before?.etag) return undefined
        if (!(await another(failure))) throw requests.error(failure, step)
      }
    },

    async children(folder) {
      const segments = []
      for await (const { Contents = [], CommonPrefixes = [] } of listed({ place, requests, folder, Delimiter: "/" })) {
        const keys = [...Contents.map(({ Key = "" }) => Key), ...CommonPrefixes.map(({ Prefix = "" }) => Prefix)]
        for (const key of keys) segments.push(key.slice(`${place.prefix}${folder}/`.length).replace(/\/$/, ""))
      }
      return segments
    },
  }
}

const noTag: Failure = {
  code: "no ETag in the answer",
  status: 200,
  requestId: undefined,
  region: undefined,
  retryAfter: undefined,
  cause: undefined,
}

// The server did not even try: what stands need not be asked.
function isRefusal({ status = 500 }: Failure): boolean {
  return status >= 300 && status < 500 && ![404, 408, 409, 412, 429].includes(status)
}

function tagOf({ etag, writers }: Lineage & { readonly etag: string }): string {
  return `${etag} ${writers.join(",")}`
}

function parseTag(tag: string): (Lineage & { readonly etag: string }) | undefined {
  if (tag === "absent") return undefined
  const [etag = "", writers = ""] = tag.split(" ")
  return { etag, writers: writers.split(",") }
}

function unquoted(etag: string | undefined): string {
  return (etag ?? "").replaceAll('"', "")
}
