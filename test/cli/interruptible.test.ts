import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, it, onTestFinished } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { openStore } from "../../src/state/open.ts"
import { project } from "../state/contract.ts"
import { s3Url } from "../state/support/s3-storage.ts"
import { faultyStorage } from "../state/support/faulty-storage.ts"
import { buildCli } from "../support/built-cli.ts"
import { cliHome } from "../support/cli-home.ts"
import { runCli } from "../support/io.ts"

it.each([
  ["state", "list"],
  ["state", "get", "--name", "a.json", "--file", "-"],
  ["state", "get", "--name", "a.json", "--file", "got.json"],
  ["state", "history", "--name", "a.json"],
  ["state", "put", "--name", "a.json", "--file", "-"],
  ["state", "pin", "--name", "a.json", "--version", "1"],
  ["state", "unpin", "--name", "a.json", "--version", "1"],
  ["state", "prune", "--all", "--keep-last", "1"],
  ["state", "rekey", "--name", "a.json", "--in-clear"],
  ["state", "pull", "--to", "backup"],
  ["state", "push", "--from", "elsewhere"],
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
  const elsewhere = await openStore(`file:${home.folder}/elsewhere`, project)
  await elsewhere.put("a.json", content(), { base: "absent", writer: { by: "alice" } })
  const stop = new AbortController()
  const running = runCli([...args], { env, cwd: home.folder, input: "new", signal: stop.signal })
  await sleep(500)
  const began = performance.now()
  stop.abort(new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" }))
  expect(await running).toMatchObject({ exit: 1, stderr: "alcides: interrupted by SIGINT\n" })
  expect(performance.now() - began).toBeLessThan(2_000)
})

it("a second signal leaves nothing of what was fetched by then, and the file of before", async () => {
  const { storage, proxy, openDirectly, remove } = await faultyStorage()
  onTestFinished(remove)
  const home = await cliHome()
  onTestFinished(home.remove)
  const cli = await buildCli()
  onTestFinished(cli.remove)
  const content = async function* () {
    for (let mebibyte = 0; mebibyte < 4; mebibyte += 1) yield Buffer.alloc(1024 * 1024)
  }
  await (await openDirectly()).put("a.json", content(), { base: "absent", writer: { by: "alice" } })
  // Two of four mebibytes come.
  proxy.plan(({ path }) => (path.includes("/blobs/") ? { kind: "stall" } : undefined))
  const folder = join(home.folder, "project")
  await mkdir(folder)
  await writeFile(join(folder, "got.json"), "before")
  const running = cli.start(["state", "get", "--name", "a.json", "--file", "got.json"], {
    env: {
      ...home.env,
      ...storage.env,
      ALCIDES_STATE: s3Url(storage.bucket, { endpoint: proxy.endpoint }),
      ALCIDES_PROJECT: "github/neat-org/neat-repo",
    },
    cwd: folder,
  })
  const files = async (): Promise<readonly string[]> => (await readdir(folder)).toSorted()
  await expect.poll(files, { timeout: 10_000 }).toEqual([expect.stringMatching(/^\.alcides-.*\.tmp$/), "got.json"])
  // Both at once: the first has no time to end in order.
  running.child.kill("SIGTERM")
  running.child.kill("SIGINT")
  expect(await running.ended).toMatchObject({ exit: expect.toSatisfy((exit) => exit === 130 || exit === 143) })
  expect(await files()).toEqual(["got.json"])
  expect(await readFile(join(folder, "got.json"), "utf8")).toBe("before")
})
