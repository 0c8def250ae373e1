import type { IncomingMessage } from "node:http"
import { AlcidesError, Exit, messageOf, usageError, type ExitCode } from "../../../errors.ts"
import * as z from "../../../schema.ts"
import { apiErrorSchema } from "../../hercules/api.ts"
import type { VersionRecord } from "../../records/state-record.ts"

// Bytes of a refusal that are read.
const longestRefusal = 16 * 1024

/** Nobody answered. */
export function unreachable({ where, cause }: { readonly where: string; readonly cause: unknown }): AlcidesError {
  return new AlcidesError({
    code: "store-unreachable",
    message: `${where} did not answer: ${messageOf(cause)}`,
    hint: "is the address right, and the server up? then try again",
    cause,
  })
}

/** The server answered with something that is not the API's. */
export function notTheApi({ where, what }: { readonly where: string; readonly what: string }): AlcidesError {
  return new AlcidesError({
    code: "store-failed",
    message: `${where} answered with something that Hercules CI's API does not say: ${what}`,
    hint: "is there a server of that API at this address, and nothing in between that answers for it?",
  })
}

export type Answer = {
  readonly response: IncomingMessage
  /** Whether the server sent us elsewhere for it, be it to itself. */
  readonly isRedirected: boolean
}

export type Refusal = {
  readonly status: number
  /** One line of the API's, or nothing. */
  readonly said: string
  /** Alcides' own code, from `alcides serve state`. */
  readonly code: string | undefined
  /** Whether it can be the API's own word, and not that of a storage or a proxy: from its own address, and empty or a JSON object. */
  readonly isOwn: boolean
}

/** What a server said when it refused, without the token. Never fails: that it refused is known already. */
export async function readRefusal({ response, isRedirected }: Answer, token: string): Promise<Refusal> {
  const status = response.statusCode ?? 0
  const body = await readSome(response)
  const json = parseObject(body)
  const isEmpty = body === "" && response.complete && tellsItsEnd(response) && !isMarkup(response)
  const isOwn = !isRedirected && (json !== undefined || isEmpty)
  const { message = "", code } = z.safeParse(apiErrorSchema, json).data ?? {}
  const [line = ""] = message.replaceAll(token, "***").split("\n", 1)
  return { status, said: line.replaceAll(/\p{Cc}/gu, " ").slice(0, 300), code, isOwn }
}

/** Whether half a body can be told from a whole one. */
export function tellsItsEnd({ headers }: IncomingMessage): boolean {
  return (headers["content-length"] ?? headers["transfer-encoding"]) !== undefined
}

function isMarkup({ headers }: IncomingMessage): boolean {
  return /html|xml/i.test(headers["content-type"] ?? "")
}

async function readSome(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response) {
      if (!(chunk instanceof Uint8Array)) break
      chunks.push(chunk)
      size += chunk.byteLength
      if (size > longestRefusal) break
    }
  } catch {
    // What came until then must do.
  }
  return Buffer.concat(chunks).toString()
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A refusal as what it means for the store. */
export function refused({ where, refusal }: { readonly where: string; readonly refusal: Refusal }): AlcidesError {
  const { status, said, isOwn } = refusal
  const words = said === "" ? "" : `: ${said}`
  if (status === 401) {
    return usageError({
      code: "store-credentials-refused",
      message: `${where} does not accept the token${words}`,
      hint: "log in again with `hci login`, or set HERCULES_CI_API_TOKEN to a token that is valid",
    })
  }
  if (status === 403) {
    return new AlcidesError({
      code: "store-denied",
      message: `${where} is not allowed with this token${words}`,
      hint: "use the token of a user or an effect that may work on this project",
    })
  }
  if (status === 404) {
    return new AlcidesError({
      code: "store-missing",
      message: `${where} is not there, or may not be seen with this token${words}`,
      hint: isOwn
        ? "check --project, and that Hercules CI is installed on the repository"
        : "this is no answer of Hercules CI's API: is there a server of it, and nothing in between that answers for it?",
    })
  }
  return new AlcidesError({
    code: "store-failed",
    message: `${where} failed with status ${status}${words}`,
    hint:
      status >= 500 || status === 429 || status === 408 ? "try again later" : "look at what the server says about it",
  })
}

const known: Readonly<Record<string, ExitCode>> = {
  "state-conflict": Exit.failed,
  "state-encryption-expected": Exit.usage,
  "state-locked": Exit.notLocked,
  "lease-lost": Exit.notLocked,
}

/** A refusal by `alcides serve state`, which says more than a status: as the store behind it said it. */
export function knownRefusal({ code, said }: Refusal): AlcidesError | undefined {
  const exit = code === undefined ? undefined : known[code]
  return code === undefined || exit === undefined ? undefined : new AlcidesError({ code, message: said, exit })
}

/** What this server has no way to do. */
export function unsupported({ what, hint }: { readonly what: string; readonly hint: string }): AlcidesError {
  return usageError({ code: "store-unsupported", message: `Hercules CI's API cannot ${what}`, hint })
}

type Written = { readonly name: string; readonly written: VersionRecord }

/** Somebody who takes no locks wrote at the same time. */
export function raced({
  name,
  written,
  versions,
}: Written & { readonly versions: readonly VersionRecord[] }): AlcidesError {
  const others = versions
    .filter((version) => version !== written)
    .map(({ version, writer }) => `version ${version} by ${writer.by}`)
  return new AlcidesError({
    code: "state-raced",
    message: `${JSON.stringify(name)} was written as version ${written.version}, but at the same time came ${others.join(", ")}`,
    hint: "nothing is erased: compare these versions, and put what is right; let everyone who writes take the lock",
    exit: Exit.stateAtRisk,
  })
}

/** The server said yes, and does not list what it took. */
export function putUnconfirmed({
  name,
  versions,
}: {
  readonly name: string
  readonly versions: readonly VersionRecord[]
}): AlcidesError {
  const found = versions.map(({ version, writer }) => `version ${version} by ${writer.by}`).join(", ")
  return new AlcidesError({
    code: "state-put-unconfirmed",
    message: `the server took ${JSON.stringify(name)}, but does not list it: it lists ${found || "no new version"}`,
    hint: "look at `alcides state history`, and put it again when it is not there",
    exit: Exit.stateAtRisk,
  })
}

/** It was written, but the lock may have been somebody else's by then. */
export function leaseLostMeanwhile({
  name,
  written: { version },
  cause,
}: Written & { readonly cause: unknown }): AlcidesError {
  return new AlcidesError({
    code: "state-lease-unconfirmed",
    message: `${JSON.stringify(name)} was written as version ${version}, but then its lease could not be confirmed: ${messageOf(cause)}`,
    hint: "nothing is erased: look at `alcides state history` for versions of others around it",
    exit: Exit.stateAtRisk,
    cause,
  })
}
