import type { IncomingMessage } from "node:http"
import { AlcidesError } from "../../../errors.ts"
import { patience } from "../patience.ts"
import { notTheApi, unreachable } from "./failures.ts"
import type { HerculesClient } from "./client.ts"
import { whereOf, type Call } from "./request.ts"

/**
 * The body of an answer, which must not change from one request to the next: when the connection breaks, it is asked for again, and what
 * was handed out already is passed over. An answer of another length is no such body, and throws `store-failed`.
 */
export async function* download(client: HerculesClient, call: Call): AsyncGenerator<Uint8Array> {
  const { limits } = client
  const where = whereOf(client.base, call)
  let handedOut = 0
  let length: number | undefined
  const differs = (got: number): AlcidesError =>
    notTheApi({ where, what: `${got} bytes of what had ${length ?? handedOut} before` })
  for (let trying = patience(limits); ;) {
    const response = await client.send(call, async (response) => response)
    let read = 0
    try {
      const told = lengthOf(response)
      if (told !== undefined && told !== (length ?? told)) throw differs(told)
      length ??= told
      for await (const chunk of response) {
        if (!(chunk instanceof Uint8Array)) throw new Error("a body must be read as bytes")
        const known = Math.min(chunk.byteLength, handedOut - Math.min(read, handedOut))
        read += chunk.byteLength
        if (read > (length ?? read)) throw differs(read)
        if (known === chunk.byteLength) continue
        handedOut = read
        trying = patience(limits)
        // A reader may take its time: only the server's silence counts.
        response.socket.setTimeout(0)
        yield chunk.subarray(known)
        response.socket.setTimeout(limits.silence)
      }
      if (read < Math.max(length ?? 0, handedOut)) throw differs(read)
      return
    } catch (cause) {
      if (cause instanceof AlcidesError) throw cause
      const failure = unreachable({ where, cause })
      if (!(await trying.another(failure))) throw failure
    } finally {
      // What is not read to its end would keep its connection.
      response.destroy()
    }
  }
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const { "content-length": told } = headers
  return told === undefined ? undefined : Number(told)
}
