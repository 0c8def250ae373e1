import type { ServerResponse } from "node:http"
import { AlcidesError } from "../../errors.ts"
import type { ApiError } from "../hercules/api.ts"

/** A request that is answered with a status of its own and a word on why. */
export class Refusal extends Error {
  override readonly name = "Refusal"
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

export function answerJson(response: ServerResponse, body: unknown): void {
  write(response, 200, body)
}

/** Hercules CI's own client takes no other status than 200 for "done", not even 204. */
export function answerDone(response: ServerResponse, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(200, { ...headers, "content-length": "0" }).end()
}

/** Tells what went wrong. Once the head of an answer is out, only cutting it short can still tell. */
export function answerFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { status, headers, body } = failureOf(error)
  // Nobody can tell whether a sender that was not told to go on sends its body or its next request.
  const waits = response.req.headers.expect !== undefined
  write(response, status, body, { ...headers, ...(waits && { connection: "close" }) })
}

/** Whether the server is to blame, or the store behind it: what its owner should hear of. */
export function isOurs(error: unknown): boolean {
  return failureOf(error).status >= 500 && !isGone(error)
}

// The reader went away before it had everything.
function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE"
}

type Failure = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: ApiError
}

function failureOf(error: unknown): Failure {
  if (error instanceof Refusal)
    return { status: error.status, headers: error.headers, body: { message: error.message, errorTags: [] } }
  if (!(error instanceof AlcidesError)) return { status: 500, body: { message: "internal error", errorTags: [] } }
  const { code, message, hint } = error
  const status = statuses[code] ?? (code.startsWith("store-") ? 503 : 500)
  return {
    status,
    body: { message: hint === undefined ? message : `${message}; ${hint}`, errorTags: [], code },
    ...(status === 503 && { headers: { "retry-after": "5" } }),
  }
}

// What is not here is 503 when it is the store's, which clients try again, and 500 otherwise.
const statuses: Readonly<Record<string, number>> = {
  "state-name-invalid": 400,
  "lock-name-invalid": 400,
  "project-invalid": 400,
  "state-conflict": 409,
  "state-locked": 409,
  "state-encryption-expected": 409,
  "lease-lost": 404,
  "store-full": 507,
  "store-damaged": 500,
  // Which clients do not try again.
  "store-unsupported": 501,
  "store-format-unknown": 501,
}

function write(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body)
  response
    .writeHead(status, {
      ...headers,
      "content-type": "application/json;charset=utf-8",
      "content-length": String(Buffer.byteLength(text)),
    })
    .end(text)
}
