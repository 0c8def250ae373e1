import { randomBytes, randomUUID } from "node:crypto"
import type { ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { openHerculesStore } from "../../../../src/state/drivers/hercules.ts"
import { httpServer } from "../../../support/http-server.ts"
import { project } from "../../contract.ts"

const content = randomBytes(300_000)
const patience = { deadline: 2_000, silence: 30_000, firstPause: 10 }

type Answer = (response: ServerResponse) => unknown

/** Reads a version whose hash the server does not tell, from a server that answers so: the last one again and again. */
async function read(...answers: readonly Answer[]): Promise<{ readonly got: Buffer; readonly error: unknown }> {
  let asked = 0
  const projectId = randomUUID()
  const version = { projectId, name: "a.json", version: 1, creationTime: "2030-01-01T00:00:00Z" }
  const endpoint = await httpServer((request, response) => {
    if (request.url?.endsWith("/states") === true) {
      response.end(JSON.stringify({ stateFiles: { "a.json": { name: "a.json", versions: [version] } } }))
      return
    }
    answers[Math.min(asked, answers.length - 1)]?.(response)
    asked += 1
  })
  const env = { HERCULES_CI_API_TOKEN: "token" }
  const store = openHerculesStore(`hercules:${endpoint}`, project, { env, patience })
  const chunks: Uint8Array[] = []
  let error: unknown
  try {
    for await (const chunk of (await store.get("a.json"))?.content ?? []) chunks.push(chunk)
  } catch (thrown) {
    error = thrown
  }
  return { got: Buffer.concat(chunks), error }
}

const whole =
  (body: Uint8Array): Answer =>
  (response) =>
    response.writeHead(200, { "content-length": body.byteLength }).end(body)
const chunked =
  (body: Uint8Array): Answer =>
  (response) => {
    response.writeHead(200).write(body)
    response.end()
  }
/** A third of it, then the connection breaks. */
const cut =
  (headers: Readonly<Record<string, string>>): Answer =>
  (response) =>
    response.writeHead(200, headers).write(content.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50))
const length = { "content-length": String(content.byteLength) }

test.each([
  ["with its length", [cut(length), whole(content)]],
  ["in pieces", [cut({}), chunked(content)]],
  ["first with its length, then in pieces", [cut(length), chunked(content)]],
  ["first in pieces, then with its length", [cut({}), cut(length), whole(content)]],
])("content that breaks off comes whole all the same: %s", async (_, answers) => {
  const { got, error } = await read(...answers)
  expect(error).toBeUndefined()
  expect(got.equals(content)).toBe(true)
})

const says = "answered with something that Hercules CI's API does not say: "

test.each([
  ["shorter", [cut(length), whole(content.subarray(0, 1000))], "1000 bytes of what had 300000 before"],
  ["longer", [cut(length), whole(Buffer.concat([content, content]))], "600000 bytes of what had 300000 before"],
  [
    "shorter, in pieces",
    [cut(length), chunked(content.subarray(0, 200_000))],
    "200000 bytes of what had 300000 before",
  ],
  ["longer, in pieces", [cut(length), chunked(Buffer.concat([content, content]))], "bytes of what had 300000 before"],
  ["shorter than what came", [cut({}), chunked(content.subarray(0, 1000))], "1000 bytes of what had"],
  [
    "shorter than what came, with its length",
    [cut({}), whole(content.subarray(0, 1000))],
    "1000 bytes of what had 1000",
  ],
])("another answer that is %s is not taken for the rest", async (_, answers, what) => {
  const { got, error } = await read(...answers)
  expect(error).toMatchObject({ code: "store-failed", message: expect.stringContaining(says) })
  expect(error).toMatchObject({ message: expect.stringContaining(what) })
  // What was handed out until then is what came first.
  expect(content.subarray(0, got.byteLength).equals(got)).toBe(true)
})

test("a part of a file is no file", async () => {
  const part = content.subarray(0, 1000)
  const { got, error } = await read((response) =>
    response.writeHead(206, { "content-length": "1000", "content-range": "bytes 0-999/300000" }).end(part),
  )
  expect(error).toMatchObject({ code: "store-failed", message: expect.stringContaining(`${says}a part of a file`) })
  expect(got).toHaveLength(0)
})

test.each([
  ["{}", "state-content-missing"],
  ["404 page not found", "store-missing"],
])("only the server itself says that the content is gone: %s", async (body, code) => {
  const { error } = await read((response) => response.writeHead(404).end(body))
  expect(error).toMatchObject({ code })
})

test("an answer that is not taken keeps no connection", async () => {
  const large = Buffer.alloc(32 * 1024 * 1024)
  let closed: Promise<unknown> | undefined
  const { error } = await read(cut(length), (response) => {
    closed = new Promise((resolve) => response.once("close", () => resolve("closed")))
    whole(large)(response)
  })
  expect(error).toMatchObject({ code: "store-failed" })
  expect(await Promise.race([closed, sleep(2_000, "open")])).toBe("closed")
})
