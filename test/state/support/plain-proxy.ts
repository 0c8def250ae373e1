import { once } from "node:events"
import { createServer, request as forward, type IncomingHttpHeaders } from "node:http"
import { pipeline } from "node:stream/promises"
import { freePorts } from "../../support/free-ports.ts"

/** Passes everything on but the headers that only `alcides serve state` understands. */
export async function plainProxy(target: string): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const { url = "", method } = request
    const onward = forward(new URL(url, target), { method, headers: plain(request.headers), agent: false })
    onward.on("error", () => response.destroy())
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, plain(answer.headers))
      pipeline(answer, response).catch(() => {})
    })
    pipeline(request, onward).catch(() => {})
  })
  const [port = 0] = await freePorts(1)
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

function plain(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !name.startsWith("alcides-") && name !== "etag" && name !== "connection",
    ),
  )
}
