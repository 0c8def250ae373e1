import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import * as z from "zod/mini"
import { Refusal } from "./answers.ts"

// Milliseconds without a byte before a sender is given up.
const longestSilence = 60_000
// Bytes.
const largestJson = 64 * 1024

/** A request whose body is about to be read, and what it is told when it waits to be asked for it. */
export type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse }

/** The bytes of a body as they come. Throws when it ends before its end, so that half a file never looks whole. */
export async function* bytesOf({ request, response }: Exchange): AsyncGenerator<Uint8Array> {
  assertWhole(request.headers)
  if (request.headers.expect !== undefined) response.writeContinue()
  // Destroying the request would take the connection along, and with it the answer that says why.
  const chunks = request.iterator({ destroyOnReturn: false })
  let length = 0
  for (;;) {
    // The store may take its time with a chunk: only the sender's silence counts.
    const next = await soon(chunks.next())
    if (next.done === true) break
    const chunk: unknown = next.value
    if (!(chunk instanceof Uint8Array)) throw new Error("a body must be read as bytes")
    length += chunk.byteLength
    yield chunk
  }
  const announced = request.headers["content-length"]
  if (!request.complete || (announced !== undefined && Number(announced) !== length)) throw cutShort()
}

// What is packed or a part only must not be taken for the file itself.
function assertWhole(headers: IncomingHttpHeaders): void {
  const { "content-encoding": content = "identity", "transfer-encoding": transfer = "chunked" } = headers
  if (content !== "identity") throw new Refusal(415, "a body is taken as it is: send no Content-Encoding")
  if (transfer.toLowerCase() !== "chunked")
    throw new Refusal(501, "a body is taken as it is: Transfer-Encoding may be chunked alone")
  if (headers["content-range"] !== undefined) throw new Refusal(400, "a body is a whole file: send no Content-Range")
}

async function soon<T>(next: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refusal(408, "the body stopped coming")), longestSilence)
  })
  // A connection that breaks is nobody's fault here.
  const read = next.catch(() => Promise.reject(cutShort()))
  return Promise.race([read, silence]).finally(() => clearTimeout(timer))
}

function cutShort(): Refusal {
  return new Refusal(400, "the body ended before its end")
}

/** A JSON body of this shape. */
export async function jsonOf<T extends z.ZodMiniType>(exchange: Exchange, schema: T): Promise<z.output<T>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytesOf(exchange)) {
    length += chunk.byteLength
    if (length > largestJson) throw new Refusal(413, `the body is larger than ${largestJson} bytes`)
    chunks.push(chunk)
  }
  const body = z.safeParse(schema, parsed(Buffer.concat(chunks)))
  if (body.success) return body.data
  const [issue] = body.error.issues
  throw new Refusal(400, `the body is not as it should be, at ${issue?.path.join(".") || "its root"}`)
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new Refusal(400, "the body is no JSON")
  }
}
