import { expect, test } from "vitest"
import { NoCredentials } from "../../../../src/state/drivers/s3/credentials.ts"
import { attemptsFor, failureOf, isRefusal, isUnreachable } from "../../../../src/state/drivers/s3/failures.ts"
import { patience } from "../../../../src/state/drivers/s3/patience.ts"

const forever = Number.POSITIVE_INFINITY

test.each([
  [{ code: "SlowDown", status: 503 }, forever],
  [{ code: "InternalError", status: 500 }, forever],
  [{ code: "TooManyRequests", status: 429 }, forever],
  [{ code: "RequestTimeout", status: 400 }, forever],
  [{ code: "PreconditionFailed", status: 412 }, forever],
  [{ code: "ECONNRESET" }, forever],
  [{ code: "AbortError" }, forever],
  [{ code: "ECONNREFUSED" }, 6],
  [{ code: "ENOTFOUND" }, 6],
  [{ code: "RequestTimeTooSkewed", status: 403 }, 3],
  [{ code: "SyntaxError" }, 3],
  [{ code: "CERT_HAS_EXPIRED" }, 1],
  [{ code: "CredentialsProviderError" }, 1],
  [{ code: "AccessDenied", status: 403 }, 1],
  [{ code: "NoSuchKey", status: 404 }, 1],
  [{ code: "NotImplemented", status: 501 }, 1],
  [{ code: "InsufficientStorage", status: 507 }, 1],
])("after %j a request is sent %d times", (failure, attempts) => {
  expect(attemptsFor(failure)).toBe(attempts)
})

test("a write is known to be undone only when the server refused it", () => {
  const refused = [
    { code: "AccessDenied", status: 403 },
    { code: "NotImplemented", status: 501 },
  ]
  const unclear = [
    { code: "PreconditionFailed", status: 412 },
    { code: "ConditionalRequestConflict", status: 409 },
    { code: "NoSuchKey", status: 404 },
    { code: "InternalError", status: 500 },
    { code: "no ETag", status: 200 },
    { code: "ECONNRESET" },
    { code: "CERT_HAS_EXPIRED" },
  ]
  expect(refused.map(isRefusal)).toEqual([true, true])
  expect(unclear.filter(isRefusal)).toEqual([])
})

test("what the SDK throws is told by the server's code when there was an answer, else by the system's", () => {
  const answered = Object.assign(new Error("UnknownError"), {
    name: "SlowDown",
    $metadata: { httpStatusCode: 503, requestId: "tx1" },
    $response: { headers: { "retry-after": "2" } },
  })
  expect(failureOf(answered)).toMatchObject({ code: "SlowDown", status: 503, requestId: "tx1", retryAfter: 2000 })
  const broken = Object.assign(new Error("aborted"), { code: "ECONNRESET", $metadata: { attempts: 1 } })
  expect(failureOf(broken)).toMatchObject({ code: "ECONNRESET", status: undefined })
  expect(isUnreachable(failureOf(broken))).toBe(true)
  for (const thrown of [undefined, null, "text", 7]) expect(failureOf(thrown)).toMatchObject({ code: "unknown" })
})

test("a request that was not sent for lack of credentials is no answer of the server's", () => {
  const lackingFor = (cause: Error) => failureOf(new NoCredentials({ cause, expired: false, profile: undefined }))
  const refused = Object.assign(new Error("no"), { name: "NoSuchKey", $metadata: { httpStatusCode: 404 } })
  expect(lackingFor(refused)).toMatchObject({
    code: "NoCredentials",
    lacking: { failure: { code: "NoSuchKey", status: 404 } },
  })
  expect(lackingFor(refused).status).toBeUndefined()
  expect([attemptsFor(lackingFor(refused)), isRefusal(lackingFor(refused))]).toEqual([1, true])
  const busy = Object.assign(new Error("slow down"), {
    name: "Throttling",
    $metadata: { httpStatusCode: 503 },
    $response: { headers: { "retry-after": "3" } },
  })
  expect(lackingFor(busy)).toMatchObject({ retryAfter: 3000 })
  expect([attemptsFor(lackingFor(busy)), isRefusal(lackingFor(busy))]).toEqual([forever, false])
  const missing = Object.assign(new Error("ENOENT"), { code: "ENOENT", syscall: "open", path: "/token" })
  expect(attemptsFor(lackingFor(missing))).toBe(1)
})

test("patience ends with the attempts that make sense, and waits for nobody longer than a minute", async () => {
  const once = patience()
  expect(await once.another({ code: "AccessDenied", status: 403 })).toBe(false)
  const short = patience()
  expect(await short.another({ code: "SlowDown", status: 503, retryAfter: 30 })).toBe(true)
  expect(await short.another({ code: "SlowDown", status: 503, retryAfter: 61_000 })).toBe(false)
  const counted = patience()
  let attempts = 1
  while (await counted.another({ code: "SlowDown", status: 503, retryAfter: 0 })) attempts += 1
  expect(attempts).toBe(16)
})
