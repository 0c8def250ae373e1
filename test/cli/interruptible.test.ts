import { expect, it, onTestFinished } from "vitest"
import { setTimeout as sleep } from "node:timers/promises"
import { AlcidesError } from "../../src/errors.ts"
import { s3Url } from "../state/support/s3-storage.ts"
import { faultyStorage } from "../state/support/faulty-storage.ts"
import { cliHome } from "../support/cli-home.ts"
import { runCli } from "../support/io.ts"

it.each([
  ["state", "list"],
  ["state", "get", "--name", "a.json", "--file", "-"],
  ["state", "get", "--name", "a.json", "--file", "got.json"],
  ["state", "history", "--name", "a.json"],
  ["state", "put", "--name", "a.json", "--file", "-"],
  ["lock", "list"],
])("%s %s waits for no server that is silent, once it is interrupted", async (...args) => {
  const { storage, proxy, openDirectly, remove } = await faultyStorage()
  onTestFinished(remove)
  const home = await cliHome()
  onTestFinished(home.remove)
  const content = async function* () {
    yield Buffer.alloc(1024 * 1024)
  }
  await (await openDirectly()).put("a.json", content(), { base: "absent", writer: { by: "alice" } })
  // The head comes, the content stalls half-way.
  proxy.plan(({ path }) => (path.includes("/blobs/") ? { kind: "stall" } : { kind: "silence" }))
  if (args[1] === "get") proxy.plan(({ path }) => (path.includes("/blobs/") ? { kind: "stall" } : undefined))
  const store = s3Url(storage.bucket, { endpoint: proxy.endpoint })
  const env = { ...home.env, ...storage.env, ALCIDES_STATE: store, ALCIDES_PROJECT: "github/neat-org/neat-repo" }
  const stop = new AbortController()
  const running = runCli([...args], { env, cwd: home.folder, input: "new", signal: stop.signal })
  await sleep(500)
  const began = performance.now()
  stop.abort(new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" }))
  expect(await running).toMatchObject({ exit: 1, stderr: "alcides: interrupted by SIGINT\n" })
  expect(performance.now() - began).toBeLessThan(2_000)
})
