import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import https from "node:https"
import { text } from "node:stream/consumers"
import { pipeline } from "node:stream/promises"
import { AlcidesError } from "../../../errors.ts"
import * as z from "../../../schema.ts"
import { apiPath } from "../../hercules/api.ts"
import { patience, retryAfter, type Limits } from "../patience.ts"
import { notTheApi, readRefusal, refused, unreachable, type Refusal } from "./failures.ts"
import { isLoopback, type HerculesPlace } from "./url.ts"

/** All in milliseconds. `silence`: without a byte, until a connection is given up. */
export type HerculesLimits = Limits & { readonly silence: number }

export const usualLimits: HerculesLimits = {
  deadline: 120_000,
  silence: 30_000,
  firstPause: 250,
  longestPause: 30_000,
  mostAttempts: 8,
}

const mostRedirects = 5

/** A body that may be read again and again. */
export type Body = { readonly type: string; readonly size: number; open(): AsyncIterable<Uint8Array> }

export type Call = {
  readonly method: "GET" | "PUT" | "POST" | "DELETE"
  /** Below the API's path, not encoded yet. */
  readonly path: readonly string[]
  readonly query?: Readonly<Record<string, string>>
  /** What is asked for. Default: the bytes of a state file on a GET, else anything. */
  readonly accept?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  readonly signal?: AbortSignal
  /** A refusal that has a meaning of its own here; `undefined` leaves it to the rules. */
  readonly onRefusal?: (refusal: Refusal) => AlcidesError | undefined
}

/** What came of one attempt: an answer, or a failure that another attempt may mend, after so many milliseconds. */
export type Outcome<T> =
  | { readonly done: T }
  | { readonly again: AlcidesError; readonly retryAfter?: number | undefined }

/** One server of Hercules CI's API. */
export interface HerculesClient {
  readonly base: URL
  readonly limits: HerculesLimits
  /** Tries until it is done, pausing longer and longer. Throws the last failure when patience ends. */
  retry<T>(attempt: () => Promise<Outcome<T>>): Promise<T>
  /** One attempt. Whatever is no answer of success is `again`, or thrown when trying again cannot mend it. */
  attempt(call: Call): Promise<Outcome<IncomingMessage>>
  /** Tries until the server has answered and `read` has all it wants of the answer; only for what may be done twice. */
  send<T>(call: Call, read: (response: IncomingMessage) => Promise<T>): Promise<T>
  /** As `send`, with the answer as JSON. */
  json<T extends z.ZodMiniType>(
    call: Call,
    schema: T,
  ): Promise<{ readonly answer: z.output<T>; readonly headers: IncomingHttpHeaders }>
}

export function herculesClient({
  place: { base, socket },
  token,
  limits,
}: {
  readonly place: HerculesPlace
  /** Asked for each request: who logs in again meanwhile is heard. */
  readonly token: () => Promise<string>
  readonly limits: HerculesLimits
}): HerculesClient {
  const request = (url: URL, { call, bearer }: { readonly call: Call; readonly bearer: string }) => {
    const { method, body, signal, accept = method === "GET" ? "application/octet-stream" : "*/*" } = call
    const isOurs = url.origin === base.origin
    const headers = {
      accept,
      ...(body !== undefined && { "content-type": body.type, "content-length": String(body.size) }),
      // Nobody else gets the token or the lease, whereto ever the server sends us.
      ...(isOurs && { ...call.headers, authorization: `Bearer ${bearer}` }),
    }
    return new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = (url.protocol === "https:" ? https : http).request(url, {
        method,
        headers,
        ...(signal !== undefined && { signal }),
        ...(isOurs && socket !== undefined && { socketPath: socket }),
      })
      outgoing.on("error", reject)
      outgoing.on("response", (response) => {
        // Who has answered reads no more.
        response.on("end", () => outgoing.writableFinished || outgoing.destroy())
        resolve(response)
      })
      outgoing.setTimeout(limits.silence, () =>
        outgoing.destroy(new Error(`nothing was heard for ${limits.silence / 1000} seconds`)),
      )
      // A server may answer before it has read everything: then its answer counts, and otherwise "error" tells.
      if (body === undefined) outgoing.end()
      else void pipeline(body.open(), outgoing).catch(() => {})
    })
  }

  const follow = async (call: Call, bearer: string): Promise<IncomingMessage> => {
    const where = whereOf(base, call)
    let url = urlOf(base, call)
    for (let turn = 0; ; turn += 1) {
      const response = await request(url, { call, bearer })
      const { location } = response.headers
      const isRedirect = [301, 302, 307, 308].includes(response.statusCode ?? 0) && location !== undefined
      if (!isRedirect || (call.method !== "GET" && call.method !== "PUT")) return response
      response.resume()
      if (turn === mostRedirects) throw notTheApi({ where, what: "one redirect after the other" })
      if (!URL.canParse(location, url.href) || !isSafe(new URL(location, url)))
        throw notTheApi({ where, what: "a redirect to a place that is not safe" })
      url = new URL(location, url)
    }
  }

  // From another machine nobody is sent to the servers of this one.
  const isSafe = ({ protocol, hostname }: URL): boolean =>
    protocol === "https:" || (protocol === "http:" && base.protocol === "http:" && isLoopback(hostname))

  const attempt = async (call: Call): Promise<Outcome<IncomingMessage>> => {
    const where = whereOf(base, call)
    const bearer = await token()
    let response
    try {
      response = await follow(call, bearer)
    } catch (cause) {
      call.signal?.throwIfAborted()
      if (cause instanceof AlcidesError) throw cause
      const failure = unreachable({ where, cause })
      if (isForGood(cause)) throw failure
      return { again: failure }
    }
    const { statusCode: status = 0, headers } = response
    if (status >= 200 && status < 300) {
      // Without either, half a body looks like a whole one.
      if (call.method !== "GET" || (headers["content-length"] ?? headers["transfer-encoding"]) !== undefined)
        return { done: response }
      response.destroy()
      throw notTheApi({ where, what: "no Content-Length" })
    }
    const refusal = await readRefusal(response, bearer)
    const failure = call.onRefusal?.(refusal) ?? refused({ where, refusal })
    if (!mayRecover(status)) throw failure
    return { again: failure, retryAfter: retryAfter(headers["retry-after"]) }
  }

  const retry = async <T>(attempt: () => Promise<Outcome<T>>): Promise<T> => {
    const { another } = patience(limits)
    for (;;) {
      const outcome = await attempt()
      if ("done" in outcome) return outcome.done
      const { again, retryAfter } = outcome
      if (!(await another({ code: again.code, retryAfter }))) throw again
    }
  }

  const send = async <T>(call: Call, read: (response: IncomingMessage) => Promise<T>): Promise<T> =>
    retry(async (): Promise<Outcome<T>> => {
      const outcome = await attempt(call)
      if (!("done" in outcome)) return outcome
      try {
        return { done: await read(outcome.done) }
      } catch (cause) {
        return { again: unreachable({ where: whereOf(base, call), cause }) }
      }
    })

  const json = async <T extends z.ZodMiniType>(call: Call, schema: T) => {
    const asked = { ...call, accept: "application/json" }
    const { body, headers } = await send(asked, async (response) => ({
      body: await text(response),
      headers: response.headers,
    }))
    return { answer: parseAnswer({ body, where: whereOf(base, call), schema }), headers }
  }

  return { base, limits, retry, attempt, send, json }
}

export function jsonBody(value: unknown): Body {
  const bytes = Buffer.from(JSON.stringify(value))
  return { type: "application/json", size: bytes.byteLength, open: () => once(bytes) }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** A request as errors name it. */
export function whereOf(base: URL, { method, path }: Pick<Call, "method" | "path">): string {
  return `${method} ${urlOf(base, { path }).href}`
}

function urlOf(base: URL, { path, query }: Pick<Call, "path" | "query">): URL {
  const url = new URL(`${apiPath}/${path.map(encodeURIComponent).join("/")}`, base)
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
  return url
}

// Whether the same request may succeed later: what `hci` and the bash client of effects try again, together.
function mayRecover(status: number): boolean {
  return [408, 421, 429].includes(status) || (status >= 500 && ![501, 505, 507].includes(status))
}

// Neither certificates nor another protocol get better by trying again.
function isForGood(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|DEPTH_ZERO_SELF|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(code)
}

function parseAnswer<T extends z.ZodMiniType>({
  body,
  where,
  schema,
}: {
  readonly body: string
  readonly where: string
  readonly schema: T
}): z.output<T> {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    throw notTheApi({ where, what: "no JSON" })
  }
  const parsed = z.safeParse(schema, json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw notTheApi({ where, what: `at ${issue?.path.map(String).join(".") || "its root"}: ${issue?.message ?? ""}` })
}
