import { isSystemError } from "../../../system-error.ts"
import { retryAfter } from "../patience.ts"
import { NoCredentials } from "./credentials.ts"

/** One request. */
export type Step = {
  /** What is done, as in `put record`. */
  readonly name: string
  /** Below the prefix. */
  readonly key: string
}

/** Why a request gave no answer that can be used. */
export type Failure = {
  /** The server's code, the system's, or the name of what the SDK threw. */
  readonly code: string
  /** Of the HTTP answer; `undefined` when none came. */
  readonly status?: number | undefined
  readonly requestId?: string | undefined
  /** Where the bucket is, when the server told. */
  readonly region?: string | undefined
  /** Milliseconds, when the server told. */
  readonly retryAfter?: number | undefined
  /** The request was not sent, for lack of credentials. */
  readonly lacking?: Lacking
  readonly cause?: unknown
}

/** Why there are no credentials. */
export type Lacking = {
  /** Of who gives them. */
  readonly failure: Failure
  /** Whether there were some before. */
  readonly expired: boolean
  /** The profile that the environment names. */
  readonly profile: string | undefined
}

/** An answer of success that does not say what it should. */
export function unusable(code: string): Failure {
  return { code, status: 200 }
}

/** What the SDK threw. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof NoCredentials) {
    const { expired, profile, cause } = thrown
    const failure = failureOf(cause)
    return { code: "NoCredentials", retryAfter: failure.retryAfter, lacking: { failure, expired, profile }, cause }
  }
  const error = fieldsOf(thrown)
  const metadata = fieldsOf(error["$metadata"])
  const response = fieldsOf(error["$response"])
  const headers = fieldsOf(response["headers"])
  const status = numberOf(metadata["httpStatusCode"]) ?? numberOf(response["statusCode"])
  return {
    // A connection that breaks has a code of the system; in an answer, `name` is what the server calls its error.
    code: (status === undefined ? textOf(error["code"]) : undefined) ?? textOf(error["name"]) ?? "unknown",
    status,
    requestId: textOf(metadata["requestId"]),
    region: textOf(error["Region"]) ?? textOf(headers["x-amz-bucket-region"]),
    retryAfter: retryAfter({ after: textOf(headers["retry-after"]), date: textOf(headers["date"]) }),
    cause: thrown,
  }
}

const passingCodes = new Set(["RequestTimeout", "BadDigest", "SlowDown", "IncompleteBody"])
// 409 and 412 answer a conditional write, which is sent again only where reading back showed that it should have been done.
const passingStatus = new Set([408, 409, 412, 429])
// Not implemented, no space left.
const settledStatus = new Set([501, 507])
const nobodyThere = new Set(["ENOTFOUND", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"])
const hopeless = /^(CERT_|ERR_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)|^EPROTO$|ProviderError$/

/** Whether the connection failed, and not the server. */
export function isUnreachable({ code, status }: Failure): boolean {
  return status === undefined && (/^(E[A-Z]+|TimeoutError|AbortError)$/.test(code) || hopeless.test(code))
}

/** Which file could not be read, if that is what failed. */
export function unreadableFile({ cause }: Failure): string | undefined {
  if (!isSystemError(cause)) return undefined
  // A folder can be opened, and what fails later does not say what was opened.
  if (cause.code === "EISDIR") return "a file that is needed for them"
  return "path" in cause ? textOf(cause.path) : undefined
}

/** How often a request that failed so may be sent in all. */
export function attemptsFor(failure: Failure): number {
  const { code, status, lacking } = failure
  if (lacking !== undefined) return attemptsFor(lacking.failure)
  if (status === undefined) {
    if (hopeless.test(code) || unreadableFile(failure) !== undefined) return 1
    // A server that is being restarted refuses for a moment; a wrong address does so for ever.
    if (nobodyThere.has(code)) return 6
    return isUnreachable(failure) ? Number.POSITIVE_INFINITY : 3
  }
  // The SDK has taken the server's time from the answer.
  if (code === "RequestTimeTooSkewed") return 3
  const passes = passingCodes.has(code) || passingStatus.has(status) || (status >= 500 && !settledStatus.has(status))
  if (passes) return Number.POSITIVE_INFINITY
  return status < 300 ? 3 : 1
}

/** Whether the server surely did nothing, so that what stands need not be asked. */
export function isRefusal(failure: Failure): boolean {
  const { status, lacking } = failure
  const undone = lacking !== undefined || (status !== undefined && status >= 300 && status !== 404)
  return undone && attemptsFor(failure) === 1
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined
}
