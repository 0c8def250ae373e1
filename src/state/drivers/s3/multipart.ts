import { createHash } from "node:crypto"
import type { CompletedPart } from "@aws-sdk/client-s3"
import { storeDamaged } from "../../failures.ts"
import { unusable } from "./failures.ts"
import { whole } from "./list.ts"
import { partsInFlight, partSize, type Part } from "./parts.ts"
import { patience } from "./patience.ts"
import type { S3Requests } from "./requests.ts"

/** Uploads an object in parts, some at a time. A failure takes back what was sent. */
export async function uploadInParts({
  requests,
  key,
  parts,
}: {
  readonly requests: S3Requests
  readonly key: string
  readonly parts: AsyncIterable<Part>
}): Promise<void> {
  const { bucket: Bucket, prefix } = requests.place
  const Key = prefix + key
  const { UploadId } = await requests.send({ name: "begin upload", key }, async ({ sdk, client }, abortSignal) => {
    const begun = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }), { abortSignal })
    if (begun.UploadId === undefined) throw new Error("the answer names no upload")
    return begun
  })
  const upload = { Bucket, Key, UploadId }
  try {
    const { sent, size } = await sendParts({ requests, key, parts, upload })
    await complete({ requests, key, upload, sent, size })
  } catch (error) {
    // If this fails, too, the upload is found and taken back when it is old.
    await requests.attempt({ name: "abort upload", key }, ({ sdk, client }, abortSignal) =>
      client.send(new sdk.AbortMultipartUploadCommand(upload), { abortSignal }),
    )
    throw error
  }
}

type Upload = { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined }

async function sendParts({
  requests,
  key,
  parts,
  upload,
}: {
  readonly requests: S3Requests
  readonly key: string
  readonly parts: AsyncIterable<Part>
  readonly upload: Upload
}): Promise<{ readonly sent: readonly CompletedPart[]; readonly size: number }> {
  const sent: CompletedPart[] = []
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  let size = 0
  let index = 0

  const send = async (Body: Buffer, PartNumber: number): Promise<void> => {
    const ContentMD5 = createHash("md5").update(Body).digest("base64")
    const { ETag, ChecksumCRC32 } = await requests.send({ name: "put part", key }, ({ sdk, client }) =>
      client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body, ContentMD5 })),
    )
    // The checksum is there when the SDK made one; then the server wants it again.
    sent[PartNumber - 1] = { PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) }
  }

  try {
    for await (const part of parts) {
      while (running.size >= partsInFlight(partSize(index))) await Promise.race(running)
      if (failures.length > 0) break
      size += part.bytes.byteLength
      index += 1
      const one: Promise<void> = send(part.bytes, index)
        .then(part.release, (error: unknown) => void failures.push(error))
        .finally(() => running.delete(one))
      running.add(one)
    }
  } finally {
    await Promise.all(running)
  }
  if (failures.length > 0) throw failures[0]
  return { sent, size }
}

// Whether an answer is lost or says that the upload is not known any more: the object has the right size or is not there.
async function complete({
  requests,
  key,
  upload,
  sent,
  size,
}: {
  readonly requests: S3Requests
  readonly key: string
  readonly upload: Upload
  readonly sent: readonly CompletedPart[]
  readonly size: number
}): Promise<void> {
  const { Bucket, Key } = upload
  const step = { name: "complete upload", key }
  const { another } = patience()
  for (;;) {
    const outcome = await requests.attempt(step, ({ sdk, client }) =>
      client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [...sent] } })),
    )
    const { Contents = [] } = await requests.send({ name: "find blob", key }, async ({ sdk, client }, abortSignal) =>
      whole(await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 }), { abortSignal })),
    )
    const found = Contents.find((one) => one.Key === Key)
    if (found?.Size === size) return
    if (found !== undefined) {
      throw storeDamaged({ where: `s3://${Bucket}/${Key}`, what: `has ${found.Size} bytes after ${size} were sent` })
    }
    const failure = "failure" in outcome ? outcome.failure : unusable("done, but not there")
    if (!(await another(failure))) throw requests.error(failure, step)
  }
}
