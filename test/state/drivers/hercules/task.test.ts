import type { ServerResponse } from "node:http"
import { expect, test } from "vitest"
import { openHerculesStore } from "../../../../src/state/drivers/hercules.ts"
import type { StateStore } from "../../../../src/state/store.ts"
import { httpServer } from "../../../support/http-server.ts"
import { project } from "../../contract.ts"

const patience = { deadline: 500, silence: 1_000, firstPause: 10 }

/** The task's store on a server that answers so to everything but `/bucket/`, and to that with what a storage says of a missing key. */
async function answering(answer: (response: ServerResponse) => unknown): Promise<StateStore> {
  const endpoint = await httpServer((request, response) => {
    if (request.url?.startsWith("/bucket/") === true) noSuchKey(response)
    else answer(response)
  })
  const env = { HERCULES_CI_API_TOKEN: "token", HERCULES_CI_API_BASE_URL: endpoint }
  return openHerculesStore("hercules:current-task", project, { env, patience })
}

const says = (type: string, body: string) => (response: ServerResponse) =>
  response.writeHead(404, { "content-type": type }).end(body)
const noSuchKey = says("application/xml", "<Error><Code>NoSuchBucket</Code></Error>")

test.each([
  ["nothing", (response: ServerResponse) => response.writeHead(404).end()],
  ["nothing, as plain text", says("text/plain;charset=utf-8", "")],
  ["the API's JSON", says("application/json;charset=utf-8", '{"message":"no such state","errorTags":[]}')],
])("a 404 of the server's own means that there is no such state file: %s", async (_, answer) => {
  const store = await answering(answer)
  expect(await store.get("a.json")).toBeUndefined()
  expect(await store.history("a.json")).toBeUndefined()
})

test.each<readonly [string, (response: ServerResponse) => unknown]>([
  ["a page for people", says("text/html", "<html>Not found</html>")],
  ["an empty page for people", says("text/html", "")],
  ["a storage", noSuchKey],
  ["a proxy's words", says("text/plain; charset=utf-8", "404 page not found\n")],
  ["a proxy's number", says("application/json", "404")],
  ["a storage behind a redirect", (response) => response.writeHead(302, { location: "/bucket/key" }).end()],
  [
    "an answer that broke off",
    (response) => {
      response.writeHead(404, { "content-length": "300" }).flushHeaders()
      response.socket?.end()
    },
  ],
  [
    "an answer whose end nobody can tell",
    (response) => response.socket?.end("HTTP/1.0 404 Not Found\r\nServer: proxy\r\n\r\n"),
  ],
])("any other 404 is an error: %s", async (_, answer) => {
  const store = await answering(answer)
  const failure = {
    code: "store-missing",
    exit: 1,
    hint: "this is no answer of Hercules CI's API: is there a server of it, and nothing in between that answers for it?",
  }
  await expect(store.get("a.json")).rejects.toMatchObject(failure)
  await expect(store.history("a.json")).rejects.toMatchObject(failure)
})

test("a date that is none keeps nobody from the content", async () => {
  const store = await answering((response) =>
    response.writeHead(200, { "content-length": "3", "last-modified": "yesterday" }).end("one"),
  )
  expect(await store.history("a.json")).toMatchObject([{ size: 3, created: "1970-01-01T00:00:00.000Z" }])
})

test("a 404 is no word of the server's behind a redirect, whatever it says, also on the same server", async () => {
  let asked = 0
  const store = await answering((response) => {
    asked += 1
    if (asked === 1) response.writeHead(307, { location: "/elsewhere" }).end()
    else response.writeHead(404).end()
  })
  await expect(store.get("a.json")).rejects.toMatchObject({ code: "store-missing" })
  expect(asked).toBe(2)
})
