import { Exit, messageOf, type ErrorDetails } from "../../../errors.ts"
import { reasonOf } from "../../../system-error.ts"
import { attemptsFor, isUnreachable, unreadableFile, type Failure, type Lacking } from "./failures.ts"
import type { S3Place } from "./url.ts"

// With these a service says that it will not give any.
const refusing = new Set([400, 401, 403])

type Told = Pick<ErrorDetails, "code" | "message" | "hint" | "exit">

/** What it means to a person that there are no credentials for a store. */
export function tellLacking({ failure, expired, profile }: Lacking, place: S3Place): Told {
  const { code, status, cause } = failure
  const store = `the state store s3://${place.bucket}`
  const exit = expired ? Exit.failed : Exit.usage
  const file = unreadableFile(failure)
  if (file !== undefined) {
    return {
      code: "store-credentials-missing",
      message: `no credentials for ${store}: ${file} cannot be read: ${reasonOf(cause)}`,
      hint: "mend AWS_WEB_IDENTITY_TOKEN_FILE, or what else names that file, or the file",
      exit,
    }
  }
  if (code.endsWith("ProviderError")) {
    if (expired) {
      return {
        code: "store-credentials-refused",
        message: `the credentials for ${store} have expired, and no new ones were given`,
        hint: "look at what gives them: the machine's or the container's role, or the profile",
      }
    }
    return { code: "store-credentials-missing", ...nothingFound({ store, place, profile }), exit }
  }
  if (status !== undefined && refusing.has(status) && attemptsFor(failure) === 1) {
    const { why, hint } = refusal(code)
    const message = `no credentials for ${store}: ${why} (${answerOf(failure)})`
    return { code: "store-credentials-refused", message, hint }
  }
  const what = isUnreachable(failure) ? "cannot be reached" : "fails"
  return {
    code: "store-unreachable",
    message: `no credentials for ${store}: the service that gives them ${what} (${answerOf(failure)})`,
    hint: "check AWS_ENDPOINT_URL_STS, the region and the network, and try again",
  }
}

function nothingFound({
  store,
  place,
  profile,
}: {
  readonly store: string
  readonly place: S3Place
  readonly profile: string | undefined
}): Pick<Told, "message" | "hint"> {
  if (place.profile !== undefined) {
    return {
      message: `the profile ${JSON.stringify(place.profile)} that the state store's URL names gives no credentials`,
      hint: "look for it in ~/.aws/config and ~/.aws/credentials, log in if it wants `aws sso login`, or leave profile= out of the URL",
    }
  }
  if (profile !== undefined) {
    return {
      message: `the profile ${JSON.stringify(profile)} that AWS_PROFILE names gives no credentials for ${store}`,
      hint: "look for it in ~/.aws/config and ~/.aws/credentials, log in if it wants `aws sso login`, or unset AWS_PROFILE",
    }
  }
  return {
    message: `no credentials for ${store} were found`,
    hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, name a profile, or give the machine a role",
  }
}

// See https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
function refusal(code: string): { readonly why: string; readonly hint: string } {
  if (code.startsWith("ExpiredToken"))
    return { why: "the token has expired", hint: "get a new token: those of a CI live for minutes" }
  if (code.startsWith("InvalidIdentityToken")) {
    return {
      why: "the token is not valid",
      hint: "look at the file that AWS_WEB_IDENTITY_TOKEN_FILE names, and whether the account knows the token's issuer",
    }
  }
  return {
    why: "the role may not be assumed",
    hint: "look at AWS_ROLE_ARN, at the issuer, audience and subject that the role trusts, and whether the token has expired",
  }
}

// Not every server says why.
function answerOf({ code, status, cause }: Failure): string {
  if (status === undefined) return messageOf(cause).split("\n", 1).join("")
  return code === "Unknown" ? `HTTP ${status}` : `HTTP ${status}, ${code}`
}
