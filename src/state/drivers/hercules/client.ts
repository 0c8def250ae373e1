import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import { text } from "node:stream/consumers"
import { AlcidesError } from "../../../errors.ts"
import * as z from "../../../schema.ts"
import { patience, retryAfter, type Limits } from "../patience.ts"
import { notTheApi, readRefusal, refused, tellsItsEnd, unreachable } from "./failures.ts"
import { requester, whereOf, type Call } from "./request.ts"
import type { HerculesPlace } from "./url.ts"

/** All in milliseconds. `silence`: without a byte, until a connection is given up; four times as long for a put. */
export type HerculesLimits = Limits & { readonly silence: number }

export const usualLimits: HerculesLimits = {
  deadline: 120_000,
  silence: 30_000,
  firstPause: 250,
  longestPause: 30_000,
  mostAttempts: 8,
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
  place,
  token,
  limits,
}: {
  readonly place: HerculesPlace
  /** Asked for each request: who logs in again meanwhile is heard. */
  readonly token: () => Promise<string>
  readonly limits: HerculesLimits
}): HerculesClient {
  const { base } = place
  const request = requester({ place, silence: limits.silence })

  const attempt = async (call: Call): Promise<Outcome<IncomingMessage>> => {
    const where = whereOf(base, call)
    const secret = await token()
    let answer
    try {
      answer = await request(call, secret)
    } catch (cause) {
      call.signal?.throwIfAborted()
      if (cause instanceof AlcidesError) throw cause
      const failure = unreachable({ where, cause })
      if (isForGood(cause)) throw failure
      return { again: failure }
    }
    const { response } = answer
    const { statusCode: status = 0, headers } = response
    if (status >= 200 && status < 300) {
      const what = call.method === "GET" ? problemOf(response) : undefined
      if (what === undefined) return { done: response }
      response.destroy()
      throw notTheApi({ where, what })
    }
    const refusal = await readRefusal(answer, secret)
    const failure = call.onRefusal?.(refusal) ?? refused({ where, refusal })
    if (!mayRecover(status)) throw failure
    return { again: failure, retryAfter: retryAfter({ after: headers["retry-after"], date: headers.date }) }
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
        if (cause instanceof AlcidesError) throw cause
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

// Why a body may be half a one without anybody noticing.
function problemOf(response: IncomingMessage): string | undefined {
  if (!tellsItsEnd(response)) return "no Content-Length"
  // Nobody asks for a part.
  return response.headers["content-range"] === undefined ? undefined : "a part of a file"
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
