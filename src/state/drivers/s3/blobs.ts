import { createHash, randomBytes } from "node:crypto"
import type { ObjectStore } from "../../objects.ts"
import { download } from "./download.ts"
import { listed } from "./list.ts"
import { uploadInParts } from "./multipart.ts"
import { cutIntoParts, type Part } from "./parts.ts"
import type { S3Requests } from "./requests.ts"
import { abortStaleUploads } from "./stale-uploads.ts"

/** Blobs for the S3 driver. */
export function s3Blobs({
  requests,
  now,
}: {
  readonly requests: S3Requests
  readonly now: () => Promise<number>
}): Pick<ObjectStore, "writeBlob" | "readBlob" | "blobs" | "removeBlob"> {
  const { bucket: Bucket, prefix } = requests.place
  let cleaned = false

  const putWhole = async (key: string, Body: Buffer): Promise<void> => {
    const ContentMD5 = createHash("md5").update(Body).digest("base64")
    await requests.send({ name: "put blob", key }, ({ sdk, client }) =>
      client.send(new sdk.PutObjectCommand({ Bucket, Key: prefix + key, Body, ContentMD5 })),
    )
  }

  return {
    async writeBlob(folder, { stem, content }) {
      const parts = cutIntoParts(content)
      const random = randomBytes(6).toString("hex")
      const hash = createHash("sha256")
      let size = 0
      const counted = (part: Part): Part => {
        hash.update(part.bytes)
        size += part.bytes.byteLength
        return part
      }
      const first = await parts.next()
      if (first.done === true) throw new Error("content was cut into no parts")
      if (first.value.last) {
        const { bytes } = counted(first.value)
        const sha256 = hash.digest("hex")
        const name = `${stem}-${sha256}-${random}`
        await putWhole(`${folder}/${name}`, bytes)
        return { name, size, sha256 }
      }
      // The sha256 is known only when all of it has been sent: the name does without.
      const name = `${stem}-multipart-${random}`
      const all = (async function* () {
        yield counted(first.value)
        for await (const part of parts) yield counted(part)
      })()
      await uploadInParts({ requests, key: `${folder}/${name}`, parts: all })
      if (!cleaned) await abortStaleUploads(requests, await now())
      cleaned = true
      return { name, size, sha256: hash.digest("hex") }
    },

    async readBlob(folder, name) {
      return download(requests, `${folder}/${name}`)
    },

    async blobs(folder) {
      const entries = []
      for await (const { Contents = [] } of listed({ requests, folder })) {
        for (const { Key, LastModified } of Contents) {
          if (Key === undefined || LastModified === undefined) continue
          entries.push({ name: Key.slice(`${prefix}${folder}/`.length), modified: LastModified.getTime() })
        }
      }
      return entries
    },

    async removeBlob(folder, name) {
      const key = `${folder}/${name}`
      await requests.find({ name: "remove blob", key }, ({ sdk, client }, abortSignal) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket, Key: prefix + key }), { abortSignal }),
      )
    },
  }
}
