import type { ListObjectsV2CommandOutput } from "@aws-sdk/client-s3"
import type { S3Requests } from "./s3-requests.ts"
import type { S3Place } from "./s3-url.ts"

/** The pages of what lies below a folder. */
export async function* listed({
  place,
  requests,
  folder,
  Delimiter,
}: {
  readonly place: S3Place
  readonly requests: S3Requests
  readonly folder: string
  readonly Delimiter?: string
}): AsyncGenerator<ListObjectsV2CommandOutput> {
  let token: string | undefined
  do {
    const page: ListObjectsV2CommandOutput = await requests.send({ name: "list", key: folder }, ({ sdk, client }) =>
      client.send(
        new sdk.ListObjectsV2Command({
          Bucket: place.bucket,
          Prefix: `${place.prefix}${folder}/`,
          Delimiter,
          ContinuationToken: token,
        }),
      ),
    )
    yield page
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}
