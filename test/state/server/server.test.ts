import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import { stat } from "node:fs/promises"
import { request as httpRequest, type ClientRequest } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { text } from "node:stream/consumers"
import { describe, expect, test } from "vitest"
import { bytes, textOf } from "../support/content.ts"
import { repoPath, secrets, served, type Served } from "../support/state-server.ts"

const path = `${repoPath}/state/db.json/data`

const put = ({ server }: Served): ClientRequest =>
  httpRequest(`${server.url}${path}`, { method: "PUT", headers: { authorization: `Bearer ${secrets.alice}` } })

const stored = async ({ store }: Served): Promise<string | undefined> => {
  const read = await store.get("db.json")
  return read === undefined ? undefined : textOf(read.content)
}

describe("closing", () => {
  test("lets a put under way finish, and takes no other", async () => {
    const all = await served()
    const request = put(all)
    request.write("first half, ")
    await sleep(100)
    let closed = false
    const closing = all.server.close().then(() => (closed = true))
    await sleep(50)
    expect(closed).toBe(false)
    await expect(all.request(path)).rejects.toThrow()
    request.end("second half")
    const [response] = await once(request, "response")
    expect(response.statusCode).toBe(200)
    response.resume()
    await closing
    expect(await stored(all)).toBe("first half, second half")
  })

  test("does not wait for ever: what is cut is no version", async () => {
    const all = await served({ grace: 100 })
    await all.store.put("db.json", bytes("one"), { base: "absent", writer: { by: "carol" } })
    const request = put(all)
    const failed = once(request, "error")
    request.write("first half")
    await sleep(50)
    await all.server.close()
    await failed
    expect(await stored(all)).toBe("one")
    expect((await all.store.history("db.json"))?.length).toBe(1)
  })

  test("does not wait for connections that ask nothing", async () => {
    const all = await served()
    await (await all.request(path)).text()
    const silent = connect(Number(new URL(all.server.url).port), "127.0.0.1")
    await once(silent, "connect")
    const started = performance.now()
    const gone = once(silent, "close")
    await all.server.close()
    await gone
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test("may be asked for twice", async () => {
    const { server } = await served()
    await Promise.all([server.close(), server.close()])
  })
})

describe("a request", () => {
  const raw = async ({ server }: Served, message: string | Buffer): Promise<string> => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1")
    socket.write(message)
    return text(socket)
  }

  test("has a head of 16 KiB at most", async () => {
    const answer = await raw(await served(), `GET ${path} HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  })

  test("names what is not ASCII percent-encoded", async () => {
    const all = await served()
    const head = `GET ${repoPath}/state/größe.json/data HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
    const answer = await raw(all, Buffer.from(`${head}Authorization: Bearer ${secrets.alice}\r\n\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  })

  test("that is none ends its connection alone", async () => {
    const all = await served()
    expect(await raw(all, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /)
    expect((await all.request(path)).status).toBe(404)
  })
})

test("a socket carries the same API", async () => {
  const first = await served()
  const listen = `unix:${join(first.folder, "s.sock")}`
  const { server } = await served({ listen, store: async () => first.store })
  expect(server.url).toBe(listen)
  const socketPath = listen.slice("unix:".length)
  const request = httpRequest({
    socketPath,
    path,
    method: "PUT",
    headers: { authorization: `Bearer ${secrets.alice}` },
  })
  request.end("one")
  const [response] = await once(request, "response")
  expect(response.statusCode).toBe(200)
  response.resume()
  expect(await stored(first)).toBe("one")
  await server.close()
  await expect(stat(socketPath)).rejects.toThrow("ENOENT")
})
