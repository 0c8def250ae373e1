import type { IncomingMessage } from "node:http"
import * as z from "zod/mini"
import { Refusal } from "./answers.ts"

// Milliseconds without a byte before a sender is given up.
const longestSilence = 60_000
// Bytes.
const largestJson = 64 * 1024

/** The bytes of a body as they come. Throws when it ends before its end, so that half a file never looks whole. */
export async function* bytesOf(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  const encoding = request.headers["content-encoding"] ?? "identity"
  if (encoding !== "identity") throw new Refusal(415, "a body is taken as it is: send no Content-Encoding")
  const stalled = (): NodeJS.Timeout =>
    setTimeout(() => request.destroy(new Refusal(408, "the body stopped coming")), longestSilence)
  let silence = stalled()
  let length = 0
  try {
    for await (const chunk of request) {
      // The store may take its time: only the sender's silence counts.
      clearTimeout(silence)
      if (!(chunk instanceof Uint8Array)) throw new Error("a body must be read as bytes")
      length += chunk.byteLength
      yield chunk
      silence = stalled()
    }
  } finally {
    clearTimeout(silence)
  }
  const announced = request.headers["content-length"]
  if (!request.complete || (announced !== undefined && Number(announced) !== length))
    throw new Refusal(400, "the body is shorter than announced")
}

/** A JSON body of this shape. */
export async function jsonOf<T extends z.ZodMiniType>(request: IncomingMessage, schema: T): Promise<z.output<T>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytesOf(request)) {
    length += chunk.byteLength
    if (length > largestJson) throw new Refusal(413, `the body is larger than ${largestJson} bytes`)
    chunks.push(chunk)
  }
  const body = z.safeParse(schema, parsed(Buffer.concat(chunks)))
  if (body.success) return body.data
  const [issue] = body.error.issues
  throw new Refusal(400, `the body is not as it should be: at ${issue?.path.join(".") || "its root"}`)
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new Refusal(400, "the body is no JSON")
  }
}
