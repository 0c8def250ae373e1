import { randomUUID } from "node:crypto"
import { openStore } from "../../../src/state/open.ts"
import type { S3Server } from "../../support/ceph.ts"
import { freshBucket, s3Environment, s3Server, type Bucket } from "../../support/s3.ts"
import type { ProgramStorage } from "./storage.ts"

export type S3Storage = ProgramStorage & { readonly bucket: Bucket }

/** The URL of a store in this bucket, over this endpoint. */
export function s3Url(bucket: Bucket, { prefix = "store", endpoint = bucket.server.endpoint } = {}): string {
  return `s3://${bucket.name}/${prefix}?${new URLSearchParams({ endpoint, region: bucket.server.region }).toString()}`
}

/** An S3 store in a bucket of its own, on this run's server or another. */
export async function s3Storage(server?: S3Server): Promise<S3Storage> {
  const bucket = await freshBucket(server ?? (await s3Server()))
  const env = s3Environment(bucket.server.owner)
  const below = (prefix: string): S3Storage => {
    const url = s3Url(bucket, { prefix })
    return {
      bucket,
      url,
      env,
      open: (project) => openStore(url, project, { env }),
      async copy() {
        const other = randomUUID()
        for (const key of (await bucket.keys()).filter((key) => key.startsWith(`${prefix}/`)))
          await bucket.put(`${other}${key.slice(prefix.length)}`, await bucket.get(key))
        return below(other)
      },
      remove: async () => {},
    }
  }
  return below("store")
}
