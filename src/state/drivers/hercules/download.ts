import { patience } from "../patience.ts"
import { unreachable } from "./failures.ts"
import type { HerculesClient } from "./client.ts"
import { whereOf, type Call } from "./request.ts"

/**
 * The body of an answer, which must not change from one request to the next: when the connection breaks, it is asked for again, and what
 * was handed out already is passed over.
 */
export async function* download(client: HerculesClient, call: Call): AsyncGenerator<Uint8Array> {
  const { limits } = client
  let handedOut = 0
  for (let trying = patience(limits); ;) {
    const response = await client.send(call, async (response) => response)
    let read = 0
    try {
      for await (const chunk of response) {
        if (!(chunk instanceof Uint8Array)) throw new Error("a body must be read as bytes")
        const known = Math.min(chunk.byteLength, handedOut - Math.min(read, handedOut))
        read += chunk.byteLength
        if (known === chunk.byteLength) continue
        handedOut = read
        trying = patience(limits)
        // A reader may take its time: only the server's silence counts.
        response.socket.setTimeout(0)
        yield chunk.subarray(known)
        response.socket.setTimeout(limits.silence)
      }
      return
    } catch (cause) {
      const failure = unreachable({ where: whereOf(client.base, call), cause })
      if (!(await trying.another(failure))) throw failure
    }
  }
}
