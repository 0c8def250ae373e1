import * as z from "zod/mini"
import { AlcidesError, messageOf } from "../../errors.ts"
import type { S3Place } from "./s3-url.ts"

/** One request, by the name that its permission has at AWS. */
export type Step = {
  /** What is done, as in `put record`. */
  readonly name: string
  /** Below the prefix. */
  readonly key: string
}

/** Why a request gave no answer that can be used. */
export type Failure = {
  /** The server's code, the system's, or the name of the SDK's error. */
  readonly code: string
  /** Of the HTTP answer, if one came. */
  readonly status: number | undefined
  readonly requestId: string | undefined
  /** Where the bucket is, when the server told. */
  readonly region: string | undefined
  /** In milliseconds, when the server told. */
  readonly retryAfter: number | undefined
  readonly cause: unknown
}

const text = z.optional(z.catch(z.string(), ""))
const thrownSchema = z.object({
  name: z.catch(z.string(), ""),
  code: text,
  Region: text,
  $metadata: z.optional(z.object({ httpStatusCode: z.optional(z.number()), requestId: text })),
  $response: z.optional(z.object({ headers: z.optional(z.record(z.string(), z.string())) })),
})

/** What the SDK threw. */
export function failureOf(thrown: unknown): Failure {
  const { data } = z.safeParse(thrownSchema, thrown, { jitless: true })
  const headers = data?.$response?.headers
  const status = data?.$metadata?.httpStatusCode
  return {
    code: (status === undefined && data?.code) || data?.name || "unknown",
    status,
    requestId: data?.$metadata?.requestId,
    region: data?.Region || headers?.["x-amz-bucket-region"],
    retryAfter: retryAfterOf(headers?.["retry-after"]),
    cause: thrown,
  }
}

function retryAfterOf(header: string | undefined): number | undefined {
  const seconds = Number(header)
  return header === undefined || !Number.isFinite(seconds) || seconds < 0 ? undefined : seconds * 1000
}

// A server that is being restarted refuses for a moment; a name that nobody knows stays unknown.
const soonGivenUp: Readonly<Record<string, number>> = { ENOTFOUND: 2, ECONNREFUSED: 6 }
const hopeless =
  /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO$)|CredentialsProviderError|^(ERR_INVALID|TypeError|RangeError)/
const passingCodes = new Set(["RequestTimeout", "RequestTimeTooSkewed", "BadDigest", "SlowDown", "IncompleteBody"])

/** How often a request that failed so may be tried in all. */
export function attemptsFor({ code, status }: Failure): number {
  if (status === undefined) return hopeless.test(code) ? 1 : (soonGivenUp[code] ?? Number.POSITIVE_INFINITY)
  const passing =
    passingCodes.has(code) || status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507)
  return passing ? Number.POSITIVE_INFINITY : 1
}

/** What a failure means to a person. */
export function storeError({
  failure,
  step,
  place,
}: {
  readonly failure: Failure
  readonly step: Step
  readonly place: S3Place
}): AlcidesError {
  const { code, status, requestId, region, cause } = failure
  const where = `s3://${place.bucket}/${place.prefix}${step.key}`
  const server = place.endpoint ?? "AWS"
  const error = (code: string, message: string, hint: string): AlcidesError =>
    new AlcidesError({ code, message, hint, cause })

  if (/CredentialsProviderError/.test(code)) {
    return error(
      "store-credentials-missing",
      `no credentials for the state store s3://${place.bucket} were found`,
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, or give the machine a role",
    )
  }
  if (status === undefined) {
    return /^Region is missing/.test(messageOf(cause))
      ? error(
          "store-region-wrong",
          `the region of the bucket ${place.bucket} is not known`,
          "add ?region=… to the store's URL",
        )
      : error(
          "store-unreachable",
          `the state store ${where} cannot be reached at ${server} (${code === "TimeoutError" || code === "AbortError" ? "no answer in time" : code})`,
          "check the endpoint and the network; if something was being written, read it again before you write",
        )
  }
  if (code === "NoSuchBucket") {
    return error(
      "store-bucket-missing",
      `there is no bucket ${place.bucket} at ${server}`,
      "make it, or mend the store's URL",
    )
  }
  if (status === 507 || code === "QuotaExceeded") {
    return error(
      "store-full",
      `no space left for the state store at ${where} (${code})`,
      "free some space and try again; nothing was changed",
    )
  }
  if ([301, 307].includes(status) || code === "AuthorizationHeaderMalformed" || code === "PermanentRedirect") {
    return error(
      "store-region-wrong",
      `the bucket ${place.bucket} is not in the region that was asked${region ? `, but in ${region}` : ""}`,
      region ? `write region=${region} in the store's URL` : "add ?region=… to the store's URL, and check its endpoint",
    )
  }
  if (status === 401 || status === 403 || /^(Expired|Invalid)Token/.test(code)) {
    return error(
      "store-denied",
      `the state store refuses to ${step.name} ${where}: ${denials[code] ?? code}`,
      hints[code] ?? hints["AccessDenied"] ?? "",
    )
  }
  const told = [`HTTP ${status}`, code, ...(requestId ? [`request ${requestId}`] : [])].join(", ")
  return error(
    "store-failed",
    `the state store failed to ${step.name} ${where} (${told})`,
    "look at the server's log, then at `alcides state history`, before you try again",
  )
}

const denials: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: "it does not know the access key",
  SignatureDoesNotMatch: "the secret key does not fit the access key",
  AccessDenied: "the access key may not do that",
  ExpiredToken: "the session has expired",
  InvalidToken: "the session token is not valid",
  RequestTimeTooSkewed: "this machine's clock is too far from its own",
}

const hints: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: "check AWS_ACCESS_KEY_ID, the profile, and the endpoint",
  SignatureDoesNotMatch: "check AWS_SECRET_ACCESS_KEY, and that nothing between here and the server changes requests",
  AccessDenied: "allow it in the bucket's policy; docs/guides/state-in-s3.md has the one that suffices",
  ExpiredToken: "get new credentials",
  InvalidToken: "get new credentials",
  RequestTimeTooSkewed: "set the clock",
}
