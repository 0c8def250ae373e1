import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import * as z from "zod/mini"
import { startCeph, type Ceph, type S3Server } from "./ceph.ts"

const userSchema = z.object({ name: z.string(), accessKeyId: z.string(), secretAccessKey: z.string() })
const answerSchema = z.union([
  z.object({ endpoint: z.string(), region: z.string(), owner: userSchema, guest: userSchema }),
  z.object({ failed: z.string() }),
])

/** One Ceph for all test files of a run: started when the first of them asks at the socket. */
export type SharedCeph = { readonly socket: string; close(): Promise<void> }

/** Listens for test files that want Ceph. With `root`, for the Ceph that is unpacked there. */
export async function shareCeph({ root }: { readonly root?: string | undefined } = {}): Promise<SharedCeph> {
  const folder = await mkdtemp(join(tmpdir(), `alcides-ceph-${process.pid}-socket-`))
  const socket = join(folder, "socket")
  let ceph: Promise<Ceph> | undefined
  const answer = async (): Promise<unknown> => {
    try {
      const { stop: _, ...server } = await (ceph ??= startCeph({ root }))
      return server
    } catch (error) {
      return { failed: error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error) }
    }
  }
  const server = createServer((client) => {
    client.on("error", () => client.destroy())
    void answer().then((told) => client.end(JSON.stringify(told)))
  })
  server.listen(socket)
  await once(server, "listening")
  // The socket alone keeps no run alive.
  server.unref()
  return {
    socket,
    async close() {
      server.close()
      const started = await ceph?.catch(() => undefined)
      await started?.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Asks for the run's Ceph; the first to ask waits until it has started. */
export async function askForCeph(socket: string): Promise<S3Server> {
  const answer = answerSchema.parse(JSON.parse(await text(connect(socket))))
  if ("failed" in answer) throw new Error(answer.failed)
  return answer
}
