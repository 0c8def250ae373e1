import { once } from "node:events"
import type { ServerResponse } from "node:http"
import { expect, test } from "vitest"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { httpServer } from "../../../support/http-server.ts"
import { bytes, textOf } from "../../support/content.ts"

const env = { AWS_ACCESS_KEY_ID: "nobody", AWS_SECRET_ACCESS_KEY: "nothing" }
const half = "x".repeat(1000)

test.each([
  ["of another object", { etag: '"b"', "content-range": "bytes 1000-1999/2000" }, "was replaced while it was read"],
  ["of another range", { etag: '"a"', "content-range": "bytes 0-1999/2000" }, "another range than was asked for"],
])("the rest of a content that is %s is not left open", async (_, headers, message) => {
  const answers: ServerResponse[] = []
  const endpoint = await httpServer((_, response) => {
    const isFirst = answers.push(response) === 1
    if (isFirst) response.writeHead(200, { etag: '"a"', "content-length": 2000 })
    else response.writeHead(206, { ...headers, "content-length": 1000 })
    response.write(half, () => void (isFirst && response.destroy()))
  })
  const content = await openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env }).readBlob("folder", "blob")
  await expect(textOf(content ?? bytes(""))).rejects.toMatchObject({ message: expect.stringContaining(message) })
  const [, rest] = answers
  if (rest?.closed === false) await once(rest, "close", { signal: AbortSignal.timeout(5_000) })
  expect(answers).toHaveLength(2)
})
