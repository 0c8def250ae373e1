import { AlcidesError } from "../../../errors.ts"
import type { ObjectStore } from "../../objects.ts"
import { isRefusal, unusable, type Step } from "./failures.ts"
import { listed } from "./list.ts"
import type { StoreMarker } from "./marker.ts"
import { patience } from "./patience.ts"
import {
  newWriter,
  parseTag,
  tagOf,
  unquoted,
  unwrapRecord,
  withWriter,
  wrapRecord,
  type Lineage,
} from "./record-text.ts"
import type { S3Requests } from "./requests.ts"

// A record is one object, replaced by conditional writes. An answer that does not surely say what became of a write is decided by reading
// back who wrote what stands now.

type Found = Lineage & { readonly text: string; readonly etag: string }

// Both forms of an ETag were refused more than once, though it still stands.
const mostRefusals = 4
const mostReads = 4

/** Records for the S3 driver. */
export function s3Records({
  requests,
  marker,
}: {
  readonly requests: S3Requests
  readonly marker: StoreMarker
}): Pick<ObjectStore, "read" | "swap" | "children"> {
  const { bucket: Bucket, prefix } = requests.place
  // A bucket may get versions at any time, and then what was found out about it holds no longer.
  let hasVersions = false

  const findOnce = async (key: string): Promise<Found | undefined> => {
    const Key = prefix + key
    const found = await requests.find({ name: "get record", key }, async ({ sdk, client }, abortSignal) => {
      const { ETag, Body, VersionId } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }), { abortSignal })
      hasVersions ||= VersionId !== undefined
      return { etag: unquoted(ETag), body: (await Body?.transformToString()) ?? "" }
    })
    if (found === undefined) return undefined
    return { ...unwrapRecord(found.body, `s3://${Bucket}/${Key}`), etag: found.etag }
  }

  // Damage may have happened on the way, so it is believed only when it is seen again.
  const find = async (key: string): Promise<Found | undefined> => {
    for (let reads = 1; ; reads += 1) {
      try {
        return await findOnce(key)
      } catch (error) {
        if (reads === mostReads || !isDamage(error)) throw error
      }
    }
  }

  return {
    async read(key) {
      const found = await find(key)
      return found === undefined ? undefined : { text: found.text, tag: tagOf(found) }
    },

    async swap(key, { text, expected }) {
      const before = expected === "absent" ? undefined : parseTag(expected)
      if (before === undefined) await marker.assertSafe()
      else if (hasVersions) await marker.assertVersionsSafe()
      else marker.assertNotUnsafe()
      const writer = newWriter()
      const writers = withWriter(writer, before)
      const step: Step = { name: "put record", key }
      const Body = wrapRecord({ writers, text })
      const { another } = patience()
      for (let refusals = 0; ;) {
        const condition = before === undefined ? { IfNoneMatch: "*" } : { IfMatch: marker.match(before.etag) }
        const outcome = await requests.attempt(step, ({ sdk, client }, abortSignal) =>
          client.send(new sdk.PutObjectCommand({ Bucket, Key: prefix + key, Body, ...condition }), { abortSignal }),
        )
        const { ETag, VersionId } = "answer" in outcome ? outcome.answer : {}
        if (VersionId !== undefined) await marker.assertVersionsSafe().catch(landed)
        if (ETag !== undefined) return tagOf({ writers, etag: unquoted(ETag) })
        const failure = "failure" in outcome ? outcome.failure : unusable("no ETag")
        if (isRefusal(failure)) throw requests.error(failure, step)

        const found = await find(key).catch(undecided)
        if (found?.writers[0] === writer) return tagOf(found)
        // It has landed, and others have written since: this tag stands for nothing any more.
        if (found?.writers.includes(writer) === true) return tagOf({ writers, etag: writer })
        if (found?.etag !== before?.etag) return undefined
        // It has not landed yet. Should it do so late, then the same write that follows is refused, and found here.
        if (failure.status === 412) {
          refusals += 1
          if (refusals > mostRefusals) await marker.probeAgain()
          marker.refused(condition.IfMatch)
        }
        if (!(await another(failure))) throw requests.error(failure, step)
      }
    },

    async children(folder) {
      const segments = []
      for await (const { Contents = [], CommonPrefixes = [] } of listed({ requests, folder, Delimiter: "/" })) {
        const keys = [...Contents.map(({ Key = "" }) => Key), ...CommonPrefixes.map(({ Prefix = "" }) => Prefix)]
        for (const key of keys) segments.push(key.slice(`${prefix}${folder}/`.length).replace(/\/$/, ""))
      }
      return segments
    },
  }
}

// The first write into a bucket that has versions since is the one that shows it.
function landed(error: unknown): never {
  if (!(error instanceof AlcidesError)) throw error
  const { code, message, hint, exit, cause } = error
  throw new AlcidesError({ code, message: `${message}; this write was made all the same`, hint, exit, cause })
}

// What would have told whether a write landed could not be read.
function undecided(error: unknown): never {
  if (!(error instanceof AlcidesError)) throw error
  const { code, message, exit } = error
  throw new AlcidesError({
    code,
    message: `${message}; so it cannot be told whether it was written before`,
    hint: "what was being written may have been written all the same: look at `alcides state history` and `alcides lock list` before you try again",
    exit,
    cause: error,
  })
}

function isDamage(error: unknown): boolean {
  return error instanceof AlcidesError && error.code === "store-damaged"
}
