import { once } from "node:events"
import { createServer, request as httpRequest } from "node:http"
import { afterEach, expect, onTestFinished, test, vi } from "vitest"
import { answerDone, answerFailure } from "../../../src/state/server/answers.ts"
import { bytesOf } from "../../../src/state/server/body.ts"
import { freePorts } from "../../support/free-ports.ts"

afterEach(() => {
  vi.useRealTimers()
})

test("a sender that falls silent for a minute is told so; one that is slow is not", async () => {
  const [port = 0] = await freePorts(1)
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  const read: string[] = []
  const server = createServer(async (request, response) => {
    try {
      for await (const chunk of bytesOf({ request, response })) {
        read.push(Buffer.from(chunk).toString())
        // A store that takes its time is not the sender's fault.
        await vi.advanceTimersByTimeAsync(600_000)
      }
      answerDone(response)
    } catch (error) {
      answerFailure(response, error)
    }
  }).listen(port, "127.0.0.1")
  onTestFinished(() => void server.close())
  await once(server, "listening")
  const request = httpRequest({ host: "127.0.0.1", port, method: "PUT" })
  const answered = once(request, "response")
  for (const [index, part] of ["one", "two"].entries()) {
    request.write(part)
    while (read.length <= index) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(59_000)
  }
  await vi.advanceTimersByTimeAsync(1_500)
  const [response] = await answered
  expect([response.statusCode, read]).toEqual([408, ["one", "two"]])
  request.destroy()
})
