import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import { onTestFinished } from "vitest"
import { freePorts } from "./free-ports.ts"

/** An HTTP server for the time of one test, on loopback; returns its URL. */
export async function httpServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  const [port = 0] = await freePorts(1)
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, "close")
  })
  return `http://127.0.0.1:${port}`
}
