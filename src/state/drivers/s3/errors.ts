import { AlcidesError, Exit, messageOf, type ErrorDetails } from "../../../errors.ts"
import { tellLacking } from "./credentials-errors.ts"
import { isUnreachable, type Failure, type Step } from "./failures.ts"
import type { S3Place } from "./url.ts"

type Told = Pick<ErrorDetails, "code" | "message" | "hint" | "exit">

type Failed = {
  readonly failure: Failure
  readonly step: Step
  readonly place: S3Place
}

/** What a failure means to a person. */
export function storeError(failed: Failed): AlcidesError {
  return new AlcidesError({ ...tell(failed), cause: failed.failure.cause })
}

function tell({ failure, step, place }: Failed): Told {
  const { code, status, requestId, region, cause, lacking } = failure
  const { bucket, endpoint = "AWS" } = place
  const where = `s3://${bucket}/${place.prefix}${step.key}`
  if (lacking !== undefined) return tellLacking(lacking, place)
  if (code === "ERR_INVALID_CHAR") {
    return {
      code: "store-credentials-missing",
      message: `the credentials for the state store s3://${bucket} hold a character that none has, such as a line break`,
      hint: "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to the bare words",
      exit: Exit.usage,
    }
  }
  if (status === undefined && messageOf(cause).startsWith("Region is missing")) {
    return {
      code: "store-region-wrong",
      message: `the region of the bucket ${bucket} is not known`,
      hint: "add ?region=… to the store's URL",
    }
  }
  if (isUnreachable(failure)) {
    const why = /^(TimeoutError|AbortError|ETIMEDOUT)$/.test(code) ? "no answer in time" : code
    return {
      code: "store-unreachable",
      message: `could not ${step.name} ${where}: ${endpoint} cannot be reached (${why})`,
      hint: `check the endpoint and the network${step.name.startsWith("put") ? "; what was being written may have been written all the same" : ""}`,
    }
  }
  if (code === "NoSuchBucket") {
    return {
      code: "store-bucket-missing",
      message: `there is no bucket ${bucket} at ${endpoint}`,
      hint: "make it, or mend the store's URL",
    }
  }
  if (status === 507 || code === "QuotaExceeded") {
    return {
      code: "store-full",
      message: `no space left for the state store at ${where} (${status === 507 ? "HTTP 507" : code})`,
      hint: "free some space and try again; nothing was changed",
    }
  }
  if (status === 301 || status === 307 || code === "AuthorizationHeaderMalformed") {
    return {
      code: "store-region-wrong",
      message: `the bucket ${bucket} is not in the region that was asked${region === undefined ? "" : `, but in ${region}`}`,
      hint: `write region=${region ?? "…"} in the store's URL, and check its endpoint`,
    }
  }
  if (status === 401 || status === 403 || /^(Expired|Invalid)Token/.test(code)) {
    const [why, hint] = denials[code] ?? [`it is not allowed (${code})`, policyHint]
    return { code: "store-denied", message: `the state store refuses to ${step.name} ${where}: ${why}`, hint }
  }
  const answer = status === undefined ? [messageOf(cause)] : [`HTTP ${status}`, code]
  const told = [...answer, ...(requestId === undefined ? [] : [`request ${requestId}`])].join(", ")
  return {
    code: "store-failed",
    message: `the state store failed to ${step.name} ${where} (${told})`,
    hint: "look at the server's log, then at `alcides state history`, before you try again",
  }
}

const policyHint =
  "allow it in the policy of the bucket or of the user; docs/guides/state-in-s3.md has one that suffices"

const denials: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  InvalidAccessKeyId: ["it does not know the access key", "check AWS_ACCESS_KEY_ID, the profile, and the endpoint"],
  SignatureDoesNotMatch: [
    "the secret key does not fit the access key",
    "check AWS_SECRET_ACCESS_KEY, and that nothing between here and the server changes requests",
  ],
  AccessDenied: ["the access key may not do that", policyHint],
  ExpiredToken: ["the session has expired", "get new credentials"],
  InvalidToken: ["the session token is not valid", "get new credentials"],
  RequestTimeTooSkewed: ["this machine's clock is too far from its own", "set the clock"],
}
