import { setTimeout as sleep } from "node:timers/promises"
import { notTheApi, unreachable } from "./failures.ts"
import { whereOf, type Call, type HerculesClient } from "./http.ts"

const mostFailures = 5

/**
 * The body of an answer, which must not change from one request to the next: when the connection breaks, it is asked for again, and what
 * was handed out already is passed over.
 */
export async function* download(client: HerculesClient, call: Call): AsyncGenerator<Uint8Array> {
  const where = whereOf(client.base, call)
  let handedOut = 0
  for (let failures = 0; ;) {
    const response = await client.send(call)
    const { "content-length": length, "transfer-encoding": encoding } = response.headers
    // Without either, half a body looks like a whole one.
    if (length === undefined && encoding === undefined) {
      response.destroy()
      throw notTheApi({ where, what: "no Content-Length" })
    }
    let read = 0
    let failure: unknown = new Error(`the body is shorter than the ${length} bytes announced`)
    try {
      for await (const chunk of response) {
        if (!(chunk instanceof Uint8Array)) throw new Error("a body must be read as bytes")
        const known = Math.min(chunk.byteLength, Math.max(0, handedOut - read))
        read += chunk.byteLength
        if (known === chunk.byteLength) continue
        handedOut = read
        failures = 0
        yield chunk.subarray(known)
      }
      if (length === undefined || read === Number(length)) return
    } catch (error) {
      failure = error
    }
    failures += 1
    if (failures === mostFailures) throw unreachable({ where, cause: failure })
    await sleep(client.patience.firstPause * failures)
  }
}
