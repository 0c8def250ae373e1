import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import { stat } from "node:fs/promises"
import { request as httpRequest, type ClientRequest } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { text } from "node:stream/consumers"
import { describe, expect, test, vi } from "vitest"
import type { StateStore } from "../../../src/state/store.ts"
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

  test("answers a put that has come whole, however long the store takes", async () => {
    const { store } = await served()
    let stop: (() => void) | undefined
    const slow: StateStore["put"] = async (name, content, options) => {
      const whole = await textOf(content)
      await new Promise<void>((resolve) => (stop = resolve))
      return store.put(name, bytes(whole), options)
    }
    const all = await served({ grace: 50, store: async () => ({ ...store, put: slow }) })
    const request = put(all)
    request.end("whole")
    const answered = once(request, "response")
    await vi.waitUntil(() => stop !== undefined)
    const closing = all.server.close()
    await sleep(150)
    stop?.()
    const [response] = await answered
    expect(response.statusCode).toBe(200)
    response.resume()
    await closing
    expect(await textOf((await store.get("db.json"))?.content ?? bytes("absent"))).toBe("whole")
  })

  test("cuts a download that does not end", async () => {
    const all = await served({ grace: 50 })
    await all.store.put("db.json", bytes("x".repeat(32 * 1024 * 1024), 1024 * 1024), {
      base: "absent",
      writer: { by: "carol" },
    })
    const answer = await all.request(path)
    await all.server.close()
    await expect(answer.text()).rejects.toThrow()
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

  // Whoever stands in front may see another request in these than we do.
  test.each([
    ["two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n"],
    ["a length and pieces", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"],
    ["a length that is none", "Content-Length: 3x\r\n"],
    ["pieces that are not the last encoding", "Transfer-Encoding: chunked, gzip\r\n"],
    ["a header on two lines", "X: a\r\n b\r\nContent-Length: 3\r\n"],
    ["a space before a colon", "Content-Length : 3\r\n"],
  ])("with %s is refused, and what follows it is no request", async (_, headers) => {
    const all = await served()
    const head = `PUT ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secrets.alice}\r\n`
    const answer = await raw(all, `${head}${headers}\r\nabc${head}Content-Length: 3\r\n\r\nabc`)
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"])
    expect(await stored(all)).toBeUndefined()
  })

  test.each([
    ["packed on its way", 501, "Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ["a part of a file", 400, "Content-Range: bytes 100-102/103\r\nContent-Length: 3\r\n\r\nabc"],
  ])("whose body is %s writes nothing", async (_, status, rest) => {
    const all = await served()
    const head = `PUT ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${secrets.alice}\r\n`
    expect(await raw(all, head + rest)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(await stored(all)).toBeUndefined()
  })

  test.each([
    ["the address before it", `http://elsewhere${path}`],
    ["two slashes", `/${path}`],
    ["dots", `${repoPath}/../../../../../../../api/v1/site/github/account/neat-org/project/neat-repo/states`],
    ["encoded slashes", repoPath.replace("/account/", "%2faccount%2f")],
    ["another host's authority", "elsewhere:80"],
  ])("with %s is no route", async (_, target) => {
    const head = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
    const answer = await raw(await served(), `${head}Authorization: Bearer ${secrets.alice}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
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

test("many clients at once, and some that go away in the middle", async () => {
  const all = await served()
  const size = 256 * 1024
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const file = `${repoPath}/state/${index}.json/data`
      if (index % 3 === 0) {
        const headers = { authorization: `Bearer ${secrets.alice}`, "content-length": String(size) }
        const request = httpRequest(`${all.server.url}${file}`, { method: "PUT", headers })
        request.on("error", () => {})
        request.write(Buffer.alloc(size / 2))
        await sleep(20)
        request.destroy()
        return
      }
      expect((await all.request(file, { method: "PUT", body: Buffer.alloc(size, index) })).status).toBe(200)
      const got = Buffer.from(await (await all.request(file)).arrayBuffer())
      expect(got.equals(Buffer.alloc(size, index))).toBe(true)
    }),
  )
  const names = (await all.store.list()).map(({ name }) => Number.parseInt(name, 10))
  expect(names.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i).filter((i) => i % 3 !== 0))
  expect(all.logged()).toBe("")
})
