import http, { type IncomingMessage } from "node:http"
import https from "node:https"
import { pipeline } from "node:stream/promises"
import { text } from "node:stream/consumers"
import { AlcidesError } from "../../../errors.ts"
import * as z from "../../../schema.ts"
import { apiPath } from "../../hercules/api.ts"
import { notTheApi, readRefusal, refused, unreachable, type Refusal } from "./failures.ts"
import { mayRecover, retryAfter, withPatience, type Outcome, type Patience } from "./patience.ts"
import { isLoopback, type HerculesPlace } from "./url.ts"

const mostRedirects = 5

export type Call = {
  readonly method: "GET" | "PUT" | "POST" | "DELETE"
  /** Below the API's path, not encoded yet. */
  readonly path: readonly string[]
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** May be read again and again. */
  readonly body?: { readonly size: number; open(): AsyncIterable<Uint8Array> }
  readonly signal?: AbortSignal
  /** A refusal that has a meaning of its own here; `undefined` leaves it to the rules. */
  readonly onRefusal?: (refusal: Refusal) => AlcidesError | undefined
}

/** One server of Hercules CI's API. */
export interface HerculesClient {
  readonly base: URL
  readonly patience: Patience
  /** One attempt. Whatever is no answer of success is `again`, or thrown when trying again cannot mend it. */
  attempt(call: Call): Promise<Outcome<IncomingMessage>>
  /** Tries until the server has done it; only for what may be done twice. */
  send(call: Call): Promise<IncomingMessage>
  /** As `send`, with the answer as JSON and the server's time in milliseconds. */
  json<T extends z.ZodMiniType>(call: Call, schema: T): Promise<{ readonly answer: z.output<T>; readonly now: number }>
}

export function herculesClient({
  place: { base, socket },
  token,
  patience,
}: {
  readonly place: HerculesPlace
  readonly token: () => Promise<string>
  readonly patience: Patience
}): HerculesClient {
  const request = async (url: URL, call: Call): Promise<IncomingMessage> => {
    const { method, body, headers, signal } = call
    const isOurs = url.origin === base.origin
    const sent = {
      accept: method === "GET" ? "application/json, application/octet-stream" : "*/*",
      ...(body !== undefined && { "content-type": "application/octet-stream", "content-length": String(body.size) }),
      ...headers,
      // Nobody else gets the token, whereto ever the server sends us.
      ...(isOurs && { authorization: `Bearer ${await token()}` }),
    }
    return new Promise((resolve, reject) => {
      const outgoing = (url.protocol === "https:" ? https : http).request(url, {
        method,
        headers: sent,
        ...(signal !== undefined && { signal }),
        ...(isOurs && socket !== undefined && { socketPath: socket }),
      })
      outgoing.on("response", resolve)
      outgoing.on("error", reject)
      outgoing.setTimeout(patience.silence, () =>
        outgoing.destroy(new Error(`nothing was heard for ${patience.silence / 1000} seconds`)),
      )
      // A server may answer before it has read everything: then its answer counts, and otherwise "error" tells.
      if (body === undefined) outgoing.end()
      else void pipeline(body.open(), outgoing).catch(() => {})
    })
  }

  const follow = async (call: Call): Promise<IncomingMessage> => {
    let url = urlOf(base, call)
    for (let turn = 0; ; turn += 1) {
      const response = await request(url, call)
      const { location } = response.headers
      const isRedirect = [301, 302, 307, 308].includes(response.statusCode ?? 0) && location !== undefined
      if (!isRedirect || (call.method !== "GET" && call.method !== "PUT")) return response
      response.resume()
      url = new URL(location, url)
      const isSafe = url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))
      if (!isSafe || turn === mostRedirects)
        throw notTheApi({
          where: whereOf(base, call),
          what: isSafe ? "one redirect after the other" : "a redirect to a place that is not safe",
        })
    }
  }

  const attempt = async (call: Call): Promise<Outcome<IncomingMessage>> => {
    const where = whereOf(base, call)
    let response
    try {
      response = await follow(call)
    } catch (cause) {
      call.signal?.throwIfAborted()
      if (cause instanceof AlcidesError) throw cause
      const failure = unreachable({ where, cause })
      if (isForGood(cause)) throw failure
      return { again: failure }
    }
    const { statusCode: status = 0, headers } = response
    if (status >= 200 && status < 300) return { done: response }
    const refusal = await readRefusal(response)
    const failure = call.onRefusal?.(refusal) ?? refused({ where, refusal })
    if (!mayRecover(status)) throw failure
    return { again: failure, after: retryAfter(headers["retry-after"], Date.now()) }
  }

  const json = async <T extends z.ZodMiniType>(call: Call, schema: T) => {
    const where = whereOf(base, call)
    return withPatience(async (): Promise<Outcome<{ readonly answer: z.output<T>; readonly now: number }>> => {
      const outcome = await attempt(call)
      if (!("done" in outcome)) return outcome
      let body
      try {
        body = await text(outcome.done)
      } catch (cause) {
        return { again: unreachable({ where, cause }) }
      }
      return { done: { answer: parseAnswer({ body, where, schema }), now: timeOf(outcome.done, where) } }
    }, patience)
  }

  return { base, patience, attempt, json, send: (call) => withPatience(() => attempt(call), patience) }
}

// Certificates do not get better by trying again.
function isForGood(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(code)
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

// Leases are counted by the server's clock, and this is where it tells the time.
function timeOf({ headers: { date } }: IncomingMessage, where: string): number {
  const now = date === undefined ? Number.NaN : Date.parse(date)
  if (Number.isNaN(now)) throw notTheApi({ where, what: "no Date header" })
  return now
}

function urlOf(base: URL, { path, query }: Pick<Call, "path" | "query">): URL {
  const url = new URL(`${apiPath}/${path.map(encodeURIComponent).join("/")}`, base)
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
  return url
}

/** A request as errors name it. */
export function whereOf(base: URL, { method, path }: Pick<Call, "method" | "path">): string {
  return `${method} ${urlOf(base, { path }).href}`
}
