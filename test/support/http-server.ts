import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import { onTestFinished } from "vitest"
import { freePorts } from "./free-ports.ts"

export type HttpServer = { readonly url: string; close(): Promise<void> }

/** An HTTP server on loopback, until it is closed. */
export async function startHttpServer(answer: RequestListener): Promise<HttpServer> {
  const server = createServer(answer)
  const [port = 0] = await freePorts(1)
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

/** An HTTP server for the time of one test, on loopback; returns its URL. */
export async function httpServer(answer: RequestListener): Promise<string> {
  const { url, close } = await startHttpServer(answer)
  onTestFinished(close)
  return url
}
