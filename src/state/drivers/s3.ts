import { AlcidesError } from "../../errors.ts"
import type { ObjectStore } from "../objects.ts"
import { s3Blobs } from "./s3/blobs.ts"
import type { Environment } from "./s3/client.ts"
import { serverClock } from "./s3/clock.ts"
import { storeMarker } from "./s3/marker.ts"
import { s3Records } from "./s3/records.ts"
import { s3Requests, type OnStep } from "./s3/requests.ts"
import { parseS3Url } from "./s3/url.ts"

export type S3Options = {
  /** Where credentials, region and endpoint may be. Default: this program's, which is also where the SDK looks for all else. */
  readonly env?: Environment
  readonly onStep?: OnStep
}

/** Opens `s3://bucket/prefix`, at AWS or a compatible server; nothing is read or written yet. Throws `store-url-invalid`. */
export function openS3Store(url: string, { env = process.env, onStep }: S3Options = {}): ObjectStore {
  const place = parseS3Url(url, env)
  const clock = serverClock()
  const requests = s3Requests({ place, env, clock, onStep })
  const marker = storeMarker(requests)

  const now = async (): Promise<number> => {
    if (clock.now() === undefined) await marker.read()
    const time = clock.now()
    if (time !== undefined) return time
    throw new AlcidesError({
      code: "store-unsupported",
      message: `${place.endpoint ?? "AWS"} does not say what time it is, by which leases are counted`,
      hint: "use an S3 server that sends the Date header, and nothing in between that removes it",
    })
  }

  return {
    url: place.url,
    now,
    ...s3Records({ requests, marker }),
    ...s3Blobs({ requests, now }),
  }
}
