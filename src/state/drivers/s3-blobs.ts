import { createHash, randomBytes } from "node:crypto"
import type { ObjectStore } from "../objects.ts"
import { listed } from "./s3-list.ts"
import type { S3Requests } from "./s3-requests.ts"
import type { S3Place } from "./s3-url.ts"

/** Blobs for the S3 driver. */
export function s3Blobs({
  place,
  requests,
}: {
  readonly place: S3Place
  readonly requests: S3Requests
}): Pick<ObjectStore, "writeBlob" | "readBlob" | "blobs" | "removeBlob"> {
  const Bucket = place.bucket

  return {
    async writeBlob(folder, { stem, content }) {
      const chunks = []
      for await (const chunk of content) chunks.push(chunk)
      const Body = Buffer.concat(chunks)
      const sha256 = createHash("sha256").update(Body).digest("hex")
      const ContentMD5 = createHash("md5").update(Body).digest("base64")
      const name = `${stem}-${sha256}-${randomBytes(6).toString("hex")}`
      const key = `${folder}/${name}`
      await requests.send({ name: "put blob", key }, ({ sdk, client }) =>
        client.send(new sdk.PutObjectCommand({ Bucket, Key: place.prefix + key, Body, ContentMD5 })),
      )
      return { name, size: Body.byteLength, sha256 }
    },

    async readBlob(folder, name) {
      const key = `${folder}/${name}`
      return requests.find({ name: "get blob", key }, async ({ sdk, client }) => {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key: place.prefix + key }))
        return (async function* () {
          if (Body !== undefined) yield await Body.transformToByteArray()
        })()
      })
    },

    async blobs(folder) {
      const entries = []
      for await (const { Contents = [] } of listed({ place, requests, folder })) {
        for (const { Key = "", LastModified } of Contents)
          entries.push({
            name: Key.slice(`${place.prefix}${folder}/`.length),
            modified: LastModified?.getTime() ?? Number.POSITIVE_INFINITY,
          })
      }
      return entries
    },

    async removeBlob(folder, name) {
      const key = `${folder}/${name}`
      await requests.find({ name: "remove blob", key }, ({ sdk, client }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket, Key: place.prefix + key })),
      )
    },
  }
}
