import { once } from "node:events"
import { createServer } from "node:net"

// Below the range from which Linux takes the ports of outgoing connections, and above the well-known ones.
const lowest = 12_000
const highest = 32_000
const mostAttempts = 50

/** Consecutive ports of 127.0.0.1 that nobody listens on now, from a random place so that runs side by side rarely meet. */
export async function freePorts(count: number): Promise<readonly number[]> {
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const first = lowest + Math.floor(Math.random() * (highest - lowest - count))
    const ports = Array.from({ length: count }, (_, index) => first + index)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports
  }
  throw new Error(`found no ${count} free ports in a row between ${lowest} and ${highest}`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ port, host: "127.0.0.1", exclusive: true })
  try {
    await once(server, "listening")
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
