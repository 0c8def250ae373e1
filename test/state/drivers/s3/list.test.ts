import { expect, test } from "vitest"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { httpServer } from "../../../support/http-server.ts"

const env = { AWS_ACCESS_KEY_ID: "nobody", AWS_SECRET_ACCESS_KEY: "nothing" }

// As a server answers that knows only the first version of this request.
const half = `<ListBucketResult>
  <Name>neat</Name><Prefix>p/folder/</Prefix><Delimiter>/</Delimiter>
  <IsTruncated>true</IsTruncated><NextMarker>p/folder/a</NextMarker>
  <CommonPrefixes><Prefix>p/folder/a/</Prefix></CommonPrefixes>
</ListBucketResult>`

test("half a list that does not say where it goes on is never taken for the whole", async () => {
  const endpoint = await httpServer((_, response) => response.writeHead(200).end(half))
  const store = openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env })
  const told = {
    code: "store-failed",
    exit: 1,
    message: expect.stringContaining(
      "failed to list s3://neat/p/folder (HTTP 200, half a list, without where it goes on",
    ),
  }
  await expect(store.children("folder")).rejects.toMatchObject(told)
  await expect(store.blobs("folder")).rejects.toMatchObject(told)
})
