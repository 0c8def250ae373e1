import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { beforeEach, expect, onTestFinished, test, vi } from "vitest"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { freePorts } from "../../../support/free-ports.ts"
import { httpServer } from "../../../support/http-server.ts"

// The SDK looks for all of this in the environment of the process.
beforeEach(() => {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"])
    vi.stubEnv(name, undefined)
  for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/dev/null")
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true")
  return () => vi.unstubAllEnvs()
})

/** An S3 server that has nothing, and must not be asked. */
async function storeOfNobody() {
  let asked = 0
  const endpoint = await httpServer((_, response) => {
    asked += 1
    response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>")
  })
  return { store: openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env: {} }), asked: () => asked }
}

async function webIdentity(sts: string): Promise<void> {
  const { path, cleanup } = await dir({ unsafeCleanup: true })
  onTestFinished(() => cleanup())
  const file = join(path, "token")
  await writeFile(file, "planted-token")
  vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
  vi.stubEnv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/deploy")
  vi.stubEnv("AWS_ENDPOINT_URL_STS", sts)
}

const message = (why: string): string => `no credentials for the state store s3://neat: ${why}`

/** A stand-in of AWS's STS, which refuses in its own words. */
const stsThatAnswers = (status: number, code: string): Promise<string> =>
  httpServer((request, response) => {
    request.resume()
    response.writeHead(status, { "content-type": "text/xml" })
    response.end(
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>` +
        `<Message>planted-token</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
    )
  })

test.each([
  [400, "ExpiredTokenException", "the token has expired (HTTP 400, ExpiredTokenException)", "get a new token"],
  [
    400,
    "InvalidIdentityToken",
    "the token is not valid (HTTP 400, InvalidIdentityTokenException)",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
  ],
  [403, "AccessDenied", "the role may not be assumed (HTTP 403, AccessDenied)", "AWS_ROLE_ARN"],
  [400, "ValidationError", "the role may not be assumed (HTTP 400, ValidationError)", "AWS_ROLE_ARN"],
])("an STS that answers %d %s", async (status, code, why, hint) => {
  await webIdentity(await stsThatAnswers(status, code))
  const { store, asked } = await storeOfNobody()
  const refused = {
    code: "store-credentials-refused",
    exit: 1,
    message: message(why),
    hint: expect.stringContaining(hint),
  }
  await expect(store.read("record")).rejects.toMatchObject(refused)
  await expect(store.swap("record", { text: "{}", expected: "absent" })).rejects.toMatchObject(refused)
  await expect(store.swap("record", { text: "{}", expected: "abc def" })).rejects.toMatchObject(refused)
  await expect(store.readBlob("folder", "blob")).rejects.toMatchObject(refused)
  expect(asked()).toBe(0)
})

test.each([
  [404, "NoSuchKey"],
  [404, "NoSuchBucket"],
  [400, "QuotaExceeded"],
  [501, "NotImplemented"],
])("what an STS says with %d %s is not said by the store", async (status, code) => {
  await webIdentity(await stsThatAnswers(status, code))
  const { store } = await storeOfNobody()
  const failed = { code: expect.stringMatching(/^store-(unreachable|credentials-refused)$/) }
  await expect(store.read("record")).rejects.toMatchObject(failed)
  await expect(store.readBlob("folder", "blob")).rejects.toMatchObject(failed)
})

test("an STS that fails, answers something else, or is not there", async () => {
  const [port = 0] = await freePorts(1)
  const cases = [
    [await stsThatAnswers(501, "NotImplemented"), "fails (HTTP 501, NotImplemented)"],
    [await httpServer((_, response) => response.end("<html>Welcome</html>")), "fails (Invalid response from STS"],
    [`http://127.0.0.1:${port}`, `cannot be reached (connect ECONNREFUSED 127.0.0.1:${port})`],
  ] as const
  for (const [sts, why] of cases) {
    await webIdentity(sts)
    const { store } = await storeOfNobody()
    await expect(store.read("record")).rejects.toMatchObject({
      code: "store-unreachable",
      message: expect.stringContaining(message(`the service that gives them ${why}`)),
      hint: expect.stringContaining("AWS_ENDPOINT_URL_STS"),
    })
  }
})

test("an STS that fails for a moment is asked again", async () => {
  let asks = 0
  const sts = await httpServer((request, response) => {
    request.resume()
    asks += 1
    if (asks < 5) response.writeHead(503).end()
    else {
      const expiration = new Date(Date.now() + 3600_000).toISOString()
      response.end(
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
          `<Credentials><AccessKeyId>id</AccessKeyId><SecretAccessKey>key</SecretAccessKey><SessionToken>session</SessionToken>` +
          `<Expiration>${expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
      )
    }
  })
  await webIdentity(sts)
  const { store, asked } = await storeOfNobody()
  expect(await store.read("record")).toBeUndefined()
  expect([asks, asked()]).toEqual([5, 1])
})

test("a token file that is a folder", async () => {
  await webIdentity("http://127.0.0.1:1")
  vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/dev")
  const { store } = await storeOfNobody()
  await expect(store.read("record")).rejects.toMatchObject({
    code: "store-credentials-missing",
    exit: 2,
    message: message("a file that is needed for them cannot be read: it is a folder"),
    hint: expect.stringContaining("AWS_WEB_IDENTITY_TOKEN_FILE"),
  })
})
