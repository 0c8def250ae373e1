import { once } from "node:events"
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http"
import { buffer } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { freePorts } from "./free-ports.ts"

/** What goes wrong with one request. */
export type Fault =
  /** Milliseconds on the way there. */
  | { readonly kind: "delay"; readonly ms: number }
  /**
   * The connection breaks: before the server has heard anything, in the middle of the request's body, or when the server has done it all,
   * before a byte of the answer.
   */
  | {
      readonly kind: "cut before" | "cut during" | "cut after"
      /** Done right before the client can notice, such as killing it. */
      readonly first?: () => void
    }
  /** Another answer than the server's. With `done` the server has done what was asked all the same. */
  | {
      readonly kind: "answer"
      readonly status: number
      readonly done: boolean
      /** Seconds. */
      readonly retryAfter?: number
      /** Default: now. */
      readonly date?: string
      /** Default: an S3 error of that status. */
      readonly body?: string
    }
  /** The answer comes in so many pieces, with a pause of so many milliseconds after each. */
  | { readonly kind: "drip"; readonly pieces: number; readonly ms: number }
  /** Half of the answer's body, then the connection breaks. */
  | { readonly kind: "shorten" }
  /** Half of the answer's body, then nothing more, on a connection that stays open. */
  | { readonly kind: "stall" }
  /** The server has done it all, and never answers. */
  | { readonly kind: "silence" }
  /** One bit of the answer's body is another. */
  | { readonly kind: "flip" }
  /** The answer's Date is so many milliseconds off. */
  | { readonly kind: "date"; readonly ms: number }

export type ProxiedRequest = {
  readonly method: string
  readonly path: string
  readonly query: string
  /** The names of its headers. */
  readonly headers: readonly string[]
}

export interface FaultProxy {
  readonly endpoint: string
  /** All requests so far, also those that never reached the server. */
  readonly requests: readonly ProxiedRequest[]
  /** Asked once for each request, in order of arrival. Default: nothing goes wrong. */
  plan(faultOf: (request: ProxiedRequest) => Fault | undefined): void
  stop(): Promise<void>
}

/** A network between a client and an HTTP server on which anything may go wrong. Signatures stay valid: the Host header goes through. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = []
  let faultOf: (request: ProxiedRequest) => Fault | undefined = () => undefined
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", target)
    const seen = {
      method: request.method ?? "",
      path: decodeURIComponent(pathname),
      query: search,
      headers: Object.keys(request.headers),
    }
    requests.push(seen)
    // Whoever gives up waiting breaks the connection, which is no fault of the proxy's.
    pass({ target, request, response, fault: faultOf(seen) }).catch(() => response.destroy())
  })
  const [port = 0] = await freePorts(1)
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    plan(next) {
      faultOf = next
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

type Exchange = {
  readonly target: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly fault: Fault | undefined
}

async function pass({ target, request, response, fault }: Exchange): Promise<void> {
  const cut = (): void => {
    if (fault !== undefined && "first" in fault) fault.first?.()
    request.socket.destroy()
  }
  if (fault?.kind === "cut before") return cut()
  if (fault?.kind === "delay") await sleep(fault.ms)
  if (fault?.kind === "answer" && !fault.done) {
    request.resume()
    await once(request, "end")
    return answerInstead(response, fault)
  }
  const answer = await askServer({ target, request, cutDuring: fault?.kind === "cut during" })
  if (answer === undefined) return cut()
  const body = await buffer(answer)
  const half = body.subarray(0, Math.floor(body.length / 2))
  switch (fault?.kind) {
    case "cut after":
      return cut()
    case "silence":
      return
    case "answer":
      return answerInstead(response, fault)
    case "shorten":
      return void copyHead(answer, response).write(half, () => response.destroy())
    case "stall":
      return void copyHead(answer, response).write(half)
    case "flip":
      return void copyHead(answer, response).end(flipped(body))
    case "date":
      return void copyHead(answer, response, fault.ms).end(body)
    case "drip":
      copyHead(answer, response)
      for (const piece of pieces(body, fault.pieces)) {
        response.write(piece)
        await sleep(fault.ms)
      }
      return void response.end()
    default:
      return void copyHead(answer, response).end(body)
  }
}

/** Passes the request on; `undefined` when it is cut in its middle. */
async function askServer({
  target,
  request,
  cutDuring,
}: {
  readonly target: string
  readonly request: IncomingMessage
  readonly cutDuring: boolean
}): Promise<IncomingMessage | undefined> {
  const { expect: _, ...headers } = request.headers
  const { hostname, port } = new URL(target)
  const onward = forward({
    hostname,
    port,
    method: request.method,
    path: request.url,
    headers: { ...headers, connection: "close" },
    agent: false,
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    onward.on("response", resolve)
    onward.on("error", reject)
  })
  if (!cutDuring) {
    request.pipe(onward)
    return answered
  }
  answered.catch(() => {})
  const body = await buffer(request)
  onward.write(body.subarray(0, Math.floor(body.length / 2)))
  // Long enough for the server to have read what was sent.
  await sleep(20)
  onward.destroy()
  return undefined
}

function copyHead(answer: IncomingMessage, response: ServerResponse, dateOff = 0): ServerResponse {
  const { connection: _, "transfer-encoding": __, ...headers } = answer.headers
  const { date } = headers
  return response.writeHead(answer.statusCode ?? 502, {
    ...headers,
    ...(date !== undefined && { date: new Date(Date.parse(date) + dateOff).toUTCString() }),
  })
}

const codes: Readonly<Record<number, string>> = { 429: "TooManyRequests", 500: "InternalError", 503: "SlowDown" }

function answerInstead(
  response: ServerResponse,
  { status, retryAfter, date, body }: Extract<Fault, { kind: "answer" }>,
): void {
  const error = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${codes[status] ?? "Unknown"}</Code></Error>`
  const headers = {
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    ...(date !== undefined && { date }),
  }
  response.writeHead(status, { "content-type": "application/xml", ...headers }).end(body ?? error)
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body)
  const middle = Math.floor(copy.length / 2)
  if (copy.length > 0) copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}

function pieces(body: Buffer, count: number): readonly Buffer[] {
  const size = Math.max(1, Math.ceil(body.length / count))
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.subarray(index * size, (index + 1) * size),
  )
}
