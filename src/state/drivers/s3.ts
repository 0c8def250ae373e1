import type { ObjectStore } from "../objects.ts"
import { s3Blobs } from "./s3-blobs.ts"
import { serverClock } from "./s3-clock.ts"
import { s3Records } from "./s3-records.ts"
import { s3Requests, type OnStep } from "./s3-requests.ts"
import { parseS3Url } from "./s3-url.ts"

export type S3Options = {
  /** Default: this program's. Where it has no keys, the SDK looks further: profiles, roles. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly onStep?: OnStep
}

/** Opens `s3://bucket/prefix`, at AWS or a compatible server; nothing is read or written yet. Throws `store-url-invalid`. */
export function openS3Store(url: string, { env = process.env, onStep }: S3Options = {}): ObjectStore {
  const place = parseS3Url(url, env)
  const clock = serverClock()
  const requests = s3Requests({ place, clock, env, onStep })
  return {
    url: place.url,
    ...s3Records({ place, requests }),
    ...s3Blobs({ place, requests }),
    async now() {
      if (clock.now() === undefined) {
        const key = "alcides-store.json"
        await requests.find({ name: "get marker", key }, async ({ sdk, client }) => {
          const { Body } = await client.send(
            new sdk.GetObjectCommand({ Bucket: place.bucket, Key: place.prefix + key }),
          )
          await Body?.transformToString()
        })
      }
      return clock.now() ?? Number.NaN
    },
  }
}
