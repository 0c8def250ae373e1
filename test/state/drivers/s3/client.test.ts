import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { afterEach, expect, onTestFinished, test, vi } from "vitest"
import { connect } from "../../../../src/state/drivers/s3/client.ts"
import { serverClock } from "../../../../src/state/drivers/s3/clock.ts"
import { parseS3Url } from "../../../../src/state/drivers/s3/url.ts"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { httpServer } from "../../../support/http-server.ts"

afterEach(() => {
  vi.unstubAllEnvs()
})

/** A server that has nothing, and is asked as an S3 server or as the machine's own service. */
async function emptyServer() {
  const asked: string[] = []
  const endpoint = await httpServer(({ url = "", headers }, response) => {
    asked.push(/\/([^/]+)\/s3\/aws4_request/.exec(headers.authorization ?? "")?.[1] ?? url)
    response.writeHead(404, { "content-type": "application/xml" })
    response.end("<Error><Code>NoSuchKey</Code></Error>")
  })
  return { asked, endpoint }
}

async function home(config?: string) {
  const { path, cleanup } = await dir({ unsafeCleanup: true })
  onTestFinished(() => cleanup())
  const file = join(path, "config")
  if (config !== undefined) await writeFile(file, config)
  return { HOME: path, AWS_CONFIG_FILE: file, AWS_SHARED_CREDENTIALS_FILE: join(path, "credentials") }
}

// The SDK looks for its files in the environment of the process, and asks the machine unless it is told not to.
function stubEnvironment(env: Readonly<Record<string, string>>, endpoint: string) {
  const all = {
    ...env,
    AWS_ACCESS_KEY_ID: "id",
    AWS_SECRET_ACCESS_KEY: "key",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint,
  }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", undefined)
  vi.stubEnv("AWS_REGION", undefined)
  return all
}

test("a server elsewhere has no region of this machine, which is not asked for it", async () => {
  const { asked, endpoint } = await emptyServer()
  const env = stubEnvironment(await home(), endpoint)
  expect(await openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env }).read("key")).toBeUndefined()
  expect(asked).toEqual(["us-east-1"])
})

test("a server elsewhere has the region that the configuration names", async () => {
  const { asked, endpoint } = await emptyServer()
  const env = stubEnvironment(await home("[default]\nregion = garage\n"), endpoint)
  expect(await openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env }).read("key")).toBeUndefined()
  expect(asked).toEqual(["garage"])
})

test("a configuration without a region, and a machine that knows none: any will do", async () => {
  const { asked, endpoint } = await emptyServer()
  const env = stubEnvironment(await home("[default]\noutput = json\n"), endpoint)
  expect(await openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env }).read("key")).toBeUndefined()
  expect(asked.at(-1)).toBe("us-east-1")
})

test("a connection reads ahead of a slow reader", async () => {
  const { endpoint } = await emptyServer()
  const env = stubEnvironment(await home(), endpoint)
  const { sdk, client } = await connect({
    place: parseS3Url(`s3://neat/p?endpoint=${endpoint}`),
    env,
    clock: serverClock(),
  })
  const seen: unknown[] = []
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      seen.push(result.response)
      return result
    },
    { step: "deserialize", priority: "low" },
  )
  await client.send(new sdk.HeadObjectCommand({ Bucket: "neat", Key: "key" })).catch(() => {})
  expect(seen).toMatchObject([{ body: { readableHighWaterMark: 512 * 1024 } }])
})
