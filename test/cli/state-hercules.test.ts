import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openStore } from "../../src/state/open.ts"
import { startStateServer, type StateServer } from "../../src/state/server/server.ts"
import { hashToken } from "../../src/state/server/tokens.ts"
import { runCli, type CliOptions, type CliResult } from "../support/io.ts"

const token = "token-of-the-tests"
let folder: string
let server: StateServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-hercules-"))
  const store = pathToFileURL(join(folder, "store")).href
  server = await startStateServer({
    listen: `unix:${join(folder, "serve.sock")}`,
    store: (project) => openStore(store, project),
    tokens: [{ sha256: hashToken(token), name: "alice", projects: ["github/neat-org/*"], access: "write" }],
  })
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

/** `alcides ARGS` against the server, on its socket. */
function alcides(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    USER: "alice",
    ALCIDES_PROJECT: "github/neat-org/neat-repo",
    ALCIDES_STATE: `hercules:?socket=${join(folder, "serve.sock")}`,
    HERCULES_CI_API_TOKEN: token,
  }
  return runCli(args, { cwd: folder, ...options, env: { ...env, ...options.env } })
}

test("state put, get, list, history and rollback", async () => {
  const put = (input: string, ...more: readonly string[]): Promise<CliResult> =>
    alcides(["state", "put", "--name", "a.json", "--file", "-", ...more], { input })
  expect(await put("one")).toMatchObject({ exit: 0, stderr: expect.stringContaining("state a.json: version 1, 3 B") })
  expect(await put("two", "--on-top-of", "1")).toMatchObject({ exit: 0 })
  expect(await put("x", "--on-top-of", "1")).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining('"a.json" was expected at version 1, but is at version 2'),
  })
  expect(await alcides(["state", "get", "--name", "a.json", "--file", "-"])).toMatchObject({ exit: 0, stdout: "two" })
  await alcides(["state", "get", "--name", "a.json", "--file", "old.json", "--version", "1"])
  expect(await readFile(join(folder, "old.json"), "utf8")).toBe("one")
  expect(await alcides(["state", "list"])).toMatchObject({ exit: 0, stdout: expect.stringMatching(/a\.json +2 +3 B/) })
  expect(await alcides(["state", "rollback", "--name", "a.json", "--to", "1"])).toMatchObject({
    exit: 0,
    stderr: expect.stringContaining("version 3, 3 B, sha256"),
  })
  const history = await alcides(["state", "history", "--name", "a.json", "--json"])
  expect(JSON.parse(history.stdout)).toMatchObject([
    { version: 3 },
    { version: 2 },
    { version: 1, writer: { by: "alice" } },
  ])
  expect(await alcides(["state", "get", "--name", "b.json", "--file", "-"])).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining("there is: a.json"),
  })
})

test("what the server cannot do is said", async () => {
  const refused = { exit: 2, stderr: expect.stringContaining("Hercules CI's API cannot ") }
  expect(await alcides(["lock", "list"])).toMatchObject(refused)
  expect(await alcides(["lock", "break", "--name", "production", "--yes"])).toMatchObject(refused)
  await alcides(["state", "put", "--name", "kept", "--file", "-"], { input: "one" })
  expect(await alcides(["state", "delete", "--name", "kept", "--yes"])).toMatchObject(refused)
})

test("lock acquire, update and release", async () => {
  const acquired = await alcides(["lock", "acquire", "--name", "production", "--json"])
  expect(acquired.exit).toBe(0)
  const { leaseId }: { leaseId: string } = JSON.parse(acquired.stdout)
  expect(await alcides(["lock", "acquire", "--name", "production", "--no-wait"])).toMatchObject({
    exit: 6,
    stderr: expect.stringContaining("it is held by alice (alcides lock acquire) since"),
  })
  expect(await alcides(["lock", "update", "--lease-id", leaseId, "--description", "still at it"])).toMatchObject({
    exit: 0,
  })
  expect(await alcides(["lock", "release", "--lease-id", leaseId])).toMatchObject({ exit: 0 })
  expect(await alcides(["lock", "release", "--lease-id", leaseId])).toMatchObject({
    exit: 6,
    stderr: expect.stringContaining("is no longer held"),
  })
})

test("lock run, with a put below it", async () => {
  const below = `alcides-lease=$ALCIDES_LOCK_LEASE_ID; test -n "$HERCULES_CI_LOCK_LEASE_ID"; exit 7`
  expect(await alcides(["lock", "run", "--name", "production", "--", "sh", "-c", below])).toMatchObject({ exit: 7 })
  const lease = (await alcides(["lock", "acquire", "--name", "alcides.state.b.json"])).stdout.trim()
  const put = ["state", "put", "--name", "b.json", "--file", "-"]
  expect(await alcides([...put, "--no-wait"], { input: "one" })).toMatchObject({
    exit: 6,
    stderr: expect.stringContaining("held by alice"),
  })
  expect(await alcides(put, { input: "one", env: { ALCIDES_LOCK_LEASE_ID: lease } })).toMatchObject({ exit: 0 })
  expect(await alcides(["lock", "release", "--lease-id", lease])).toMatchObject({ exit: 0 })
})

test("--no-wait waits for no put under way either", async () => {
  const putUnderWay = ["--description", "alcides: a put under way"]
  const lease = await alcides(["lock", "acquire", "--name", "alcides.state.c.json", ...putUnderWay])
  const began = performance.now()
  for (const args of [
    ["put", "--file", "-"],
    ["rollback", "--to", "1"],
  ])
    expect(await alcides(["state", ...args, "--name", "c.json", "--no-wait"], { input: "one" })).toMatchObject({
      exit: 6,
      stderr: expect.stringContaining("held by alice (alcides: a put under way)"),
    })
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(await alcides(["lock", "release", "--lease-id", lease.stdout.trim()])).toMatchObject({ exit: 0 })
})

test("no token, or a wrong one", async () => {
  expect(await alcides(["state", "list"], { env: { HERCULES_CI_API_TOKEN: "" } })).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining("there is no token for localhost"),
  })
  const refused = await alcides(["state", "list"], { env: { HERCULES_CI_API_TOKEN: "not-the-token" } })
  expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining("does not accept the token") })
  expect(refused.stderr).not.toContain("not-the-token")
})

test("doctor says what this server cannot promise", async () => {
  const { stdout } = await alcides(["doctor"])
  expect(stdout).toContain("compares nothing")
})
