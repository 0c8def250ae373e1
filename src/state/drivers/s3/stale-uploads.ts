import type { S3Requests } from "./requests.ts"

// In milliseconds: no write of ours takes longer.
const staleAge = 24 * 3600_000
// As `writeBlob` names what it uploads in parts. Where the store has no prefix, others' uploads are beside ours.
const ours = /\/blobs\/\d+-multipart-[0-9a-f]{12}$/

/** Takes back contents whose upload was begun a day ago and never completed: they cost storage, and no list of objects shows them. */
export async function abortStaleUploads(requests: S3Requests, now: number): Promise<void> {
  const { bucket: Bucket, prefix } = requests.place
  const Prefix = `${prefix}projects/`
  const found = await requests.attempt({ name: "list uploads", key: "" }, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix }), { abortSignal }),
  )
  // Not everybody may list them; then a rule of the bucket has to do it.
  if ("failure" in found) return
  for (const { Key, UploadId, Initiated } of found.answer.Uploads ?? []) {
    if (Key === undefined || !ours.test(Key)) continue
    if (Initiated === undefined || Initiated.getTime() + staleAge > now) continue
    const step = { name: "abort upload", key: Key.slice(prefix.length) }
    await requests.attempt(step, ({ sdk, client }, abortSignal) =>
      client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal }),
    )
  }
}
