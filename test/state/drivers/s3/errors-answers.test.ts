import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { openS3Store } from "../../../../src/state/drivers/s3.ts"
import { httpServer } from "../../../support/http-server.ts"

const env = { AWS_ACCESS_KEY_ID: "nobody", AWS_SECRET_ACCESS_KEY: "nothing" }

/** Something that stands where a server should, with one answer to everything. */
const answering = (status: number, body: string, headers: Record<string, string> = {}): Promise<string> =>
  httpServer((_, response) => response.writeHead(status, headers).end(body))

const storeAt = (endpoint: string) => openS3Store(`s3://neat/p?endpoint=${endpoint}`, { env })

describe("an answer that is not the server's", () => {
  test.each([
    [404, "<html>not here</html>", "store-failed", "HTTP 404"],
    [404, "", "store-failed", "HTTP 404"],
    [403, "<html>blocked</html>", "store-denied", "it is not allowed"],
    [403, "<Error><Code>InvalidToken</Code></Error>", "store-denied", "the session token is not valid"],
    [403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "store-denied", "clock is too far"],
  ])("%d %s is not taken for absence", async (status, body, code, message) => {
    const store = storeAt(await answering(status, body))
    const told = { code, message: expect.stringContaining(message) }
    await expect(store.read("record")).rejects.toMatchObject(told)
    await expect(store.children("folder")).rejects.toMatchObject(told)
    await expect(store.swap("record", { text: "{}", expected: "abc def" })).rejects.toMatchObject(told)
  })

  test("a page of HTML is neither a record nor an empty list", async () => {
    const store = storeAt(await answering(200, "<html><body>Welcome</body></html>"))
    await expect(store.read("record")).rejects.toMatchObject({ code: "store-damaged" })
    await expect(store.children("folder")).rejects.toMatchObject({
      code: "store-failed",
      message: expect.stringContaining("the answer is no list"),
    })
  })

  test("a server that does not say what time it is cannot count leases", async () => {
    const endpoint = await answering(404, "<Error><Code>NoSuchKey</Code></Error>", { date: "" })
    await expect(storeAt(endpoint).now()).rejects.toMatchObject({
      code: "store-unsupported",
      message: expect.stringContaining("does not say what time it is"),
    })
  })

  test("no TLS where the URL says https", async () => {
    await expect(storeAt((await answering(200, "")).replace("http:", "https:")).read("record")).rejects.toMatchObject({
      code: "store-unreachable",
      message: expect.stringContaining("(EPROTO)"),
    })
  })
})

describe("before any request", () => {
  beforeEach(() => {
    for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/dev/null")
    for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) vi.stubEnv(name, undefined)
    return () => vi.unstubAllEnvs()
  })

  test("no region", async () => {
    await expect(openS3Store("s3://neat/p", { env }).read("record")).rejects.toMatchObject({
      code: "store-region-wrong",
      message: "the region of the bucket neat is not known",
      hint: "add ?region=… to the store's URL",
    })
  })

  test("a profile that is not there", async () => {
    const store = openS3Store("s3://neat/p?profile=none-of-this-name&region=eu-1", { env: {} })
    await expect(store.read("record")).rejects.toMatchObject({
      code: "store-credentials-missing",
      exit: 2,
      message: `the profile "none-of-this-name" that the state store's URL names gives no credentials`,
    })
  })

  test("no credentials at all", async () => {
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true")
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined)
    await expect(openS3Store("s3://neat/p?region=eu-1", { env: {} }).read("record")).rejects.toMatchObject({
      code: "store-credentials-missing",
      exit: 2,
      message: "no credentials for the state store s3://neat were found",
    })
  })

  test("credentials with a line break, as of a file that was read into a variable", async () => {
    const broken = { ...env, AWS_SESSION_TOKEN: "token\n" }
    const store = openS3Store(`s3://neat/p?endpoint=${await answering(200, "")}`, { env: broken })
    await expect(store.read("record")).rejects.toMatchObject({
      code: "store-credentials-missing",
      exit: 2,
      message: "the credentials for the state store s3://neat hold a character that none has, such as a line break",
    })
  })

  test("the SDK's note on Node versions is not printed, and no child inherits what keeps it back", async () => {
    const warned = vi.spyOn(process, "emitWarning")
    onTestFinished(() => warned.mockRestore())
    const endpoint = await answering(404, "<Error><Code>NoSuchKey</Code></Error>")
    expect(await storeAt(endpoint).read("record")).toBeUndefined()
    expect(warned).not.toHaveBeenCalled()
    expect(Object.keys(process.env).filter((name) => name.includes("SUPPORT_WARNING"))).toEqual([])
  })
})
