// What a person who knows the SDK would write: one request, and no promise about versions, locks or damage.
// get|put ENDPOINT BUCKET KEY FILE
import { readFile, writeFile } from "node:fs/promises"
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3"

const [what, endpoint, Bucket, Key, file] = process.argv.slice(2)
const client = new S3Client({
  endpoint,
  region: "us-east-1",
  forcePathStyle: true,
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
})
if (what === "put") {
  await client.send(new PutObjectCommand({ Bucket, Key, Body: await readFile(file) }))
} else {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
  await writeFile(file, await Body.transformToByteArray())
}
