import type { ListObjectsV2CommandOutput } from "@aws-sdk/client-s3"
import { unusable } from "./failures.ts"
import type { S3Requests } from "./requests.ts"

/** The pages of what lies below a folder. */
export async function* listed({
  requests,
  folder,
  Delimiter,
}: {
  readonly requests: S3Requests
  readonly folder: string
  readonly Delimiter?: string
}): AsyncGenerator<ListObjectsV2CommandOutput> {
  const { bucket: Bucket, prefix } = requests.place
  const Prefix = `${prefix}${folder}/`
  const step = { name: "list", key: folder }
  for (let ContinuationToken: string | undefined; ;) {
    const page: ListObjectsV2CommandOutput = await requests.send(step, async ({ sdk, client }, abortSignal) =>
      whole(
        await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix, Delimiter, ContinuationToken }), {
          abortSignal,
        }),
      ),
    )
    yield page
    if (page.IsTruncated !== true) return
    ContinuationToken = page.NextContinuationToken
    // What is missing would read as absent.
    if (ContinuationToken === undefined) throw requests.error(unusable("half a list, without where it goes on"), step)
  }
}

/** A list, and not just any XML, which would read as an empty one. */
export function whole<T extends { readonly IsTruncated?: boolean | undefined }>(list: T): T {
  if (list.IsTruncated === undefined) throw new Error("the answer is no list")
  return list
}
