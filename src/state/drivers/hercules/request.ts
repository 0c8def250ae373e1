import http, { type IncomingMessage } from "node:http"
import https from "node:https"
import { pipeline } from "node:stream/promises"
import type { AlcidesError } from "../../../errors.ts"
import { apiPath } from "../../hercules/api.ts"
import { notTheApi, type Answer, type Refusal } from "./failures.ts"
import { isSafeTarget, type HerculesPlace } from "./url.ts"

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

/** Sends one request, and follows where the server sends it: what comes back is the first answer that is no redirect. */
export function requester({
  place: { base, socket },
  silence,
}: {
  readonly place: HerculesPlace
  /** Milliseconds without a byte, until a connection is given up. */
  readonly silence: number
}): (call: Call, token: string) => Promise<Answer> {
  const request = (url: URL, { call, token }: { readonly call: Call; readonly token: string }) => {
    const { method, body, signal, accept = method === "GET" ? "application/octet-stream" : "*/*" } = call
    const isOurs = url.origin === base.origin
    const headers = {
      accept,
      ...(body !== undefined && { "content-type": body.type, "content-length": String(body.size) }),
      // Nobody else gets the token or the lease, whereto ever the server sends us.
      ...(isOurs && { ...call.headers, authorization: `Bearer ${token}` }),
    }
    // Who gives a put up too soon and sends it again makes two versions of it.
    const longest = method === "PUT" ? silence * 4 : silence
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
      outgoing.setTimeout(longest, () => outgoing.destroy(new Error(`nothing was heard for ${longest / 1000} seconds`)))
      // A server may answer before it has read everything: then its answer counts, and otherwise "error" tells.
      if (body === undefined) outgoing.end()
      else void pipeline(body.open(), outgoing).catch(() => {})
    })
  }

  return async (call, token) => {
    const where = whereOf(base, call)
    let url = urlOf(base, call)
    for (let turn = 0; ; turn += 1) {
      const response = await request(url, { call, token })
      const { location } = response.headers
      const isRedirect = [301, 302, 307, 308].includes(response.statusCode ?? 0) && location !== undefined
      if (!isRedirect || (call.method !== "GET" && call.method !== "PUT")) return { response, isRedirected: turn > 0 }
      response.resume()
      if (turn === mostRedirects) throw notTheApi({ where, what: "one redirect after the other" })
      if (!URL.canParse(location, url.href) || !isSafeTarget(new URL(location, url), base))
        throw notTheApi({ where, what: "a redirect to a place that is not safe" })
      url = new URL(location, url)
    }
  }
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
