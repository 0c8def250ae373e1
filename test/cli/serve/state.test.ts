import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { request as httpRequest } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import * as z from "zod/mini"
import { openStore } from "../../../src/state/open.ts"
import { hashToken } from "../../../src/state/server/tokens.ts"
import { keyPair } from "../../state/support/age.ts"
import { textOf } from "../../state/support/content.ts"
import { buildCli, type BuiltCli, type RunningCli } from "../../support/built-cli.ts"
import { freePorts } from "../../support/free-ports.ts"
import { runCli, type CliResult } from "../../support/io.ts"

const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const secret = "a-token-of-many-characters"

let cli: BuiltCli
let folder: string
let env: Record<string, string>
beforeAll(async () => {
  cli = await buildCli()
})
afterAll(() => cli.remove())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-serve-"))
  env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    ALCIDES_STATE: `file:${folder}/store`,
    ALCIDES_PROJECT: "github/neat-org/neat-repo",
    ALCIDES_SERVE_TOKEN: secret,
  }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const state = "/api/v1/current-task/state/db.json/data"
const authorization = `Bearer ${secret}`
const store = () => openStore(`file:${folder}/store`, project)

async function start(
  listen: string,
  ...args: string[]
): Promise<{ readonly running: RunningCli; readonly url: string }> {
  const running = cli.start(["serve", "state", "--listen", listen, "--json", ...args], { env, cwd: folder })
  if (running.child.stdout === null) throw new Error("no output")
  const failed = running.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))
  const [line] = await Promise.race([once(running.child.stdout, "data"), failed])
  // It will end sooner or later.
  failed.catch(() => {})
  return { running, url: z.object({ url: z.string() }).parse(JSON.parse(String(line))).url }
}

const anyPort = async (): Promise<string> => `127.0.0.1:${(await freePorts(1))[0] ?? 0}`

describe("the command", () => {
  const refused = async (args: readonly string[], more: Record<string, string> = {}): Promise<CliResult> =>
    runCli(["serve", "state", ...args, "--json"], { env: { ...env, ...more }, cwd: folder })
  const errorOf = ({ stderr }: CliResult): unknown => JSON.parse(stderr).error

  test.each([
    [["--listen", "0.0.0.0:80"], "serve-address-invalid"],
    [["--listen", "127.0.0.1:0", "--tokens", "none.json"], "serve-tokens-unreadable"],
    [["--listen", "127.0.0.1:0", "--store", "nonsense"], "store-url-invalid"],
    [[], "usage"],
  ])("refuses %j", async (args, code) => {
    const result = await refused(args)
    expect([result.exit, errorOf(result)]).toEqual([2, expect.objectContaining({ code })])
  })

  test("refuses to serve nobody, and with a token that can be guessed or sent by nobody", async () => {
    const args = ["--listen", "127.0.0.1:0"]
    const nobody = await refused(args, { ALCIDES_SERVE_TOKEN: "" })
    expect(errorOf(nobody)).toMatchObject({ code: "serve-token-missing", exit: 2 })
    for (const weak of ["hunter2", "hunter2 ".repeat(9), "hunter2ü".repeat(9)]) {
      const result = await refused(args, { ALCIDES_SERVE_TOKEN: weak })
      expect(errorOf(result)).toMatchObject({ code: "serve-token-weak", exit: 2 })
      expect(result.stderr + result.stdout).not.toContain("hunter2")
    }
  })

  test("refuses a socket that is in use, and a wrong tokens file", async () => {
    await writeFile(join(folder, "file"), "{}")
    expect(errorOf(await refused(["--listen", `unix:${folder}/file`]))).toMatchObject({ code: "serve-address-taken" })
    const tokens = ["--listen", "127.0.0.1:0", "--tokens", "file"]
    expect(errorOf(await refused(tokens))).toMatchObject({ code: "serve-tokens-invalid" })
  })

  test("says where it serves, and ends when it is told to", async () => {
    const end = new AbortController()
    const listen = await anyPort()
    const ended = runCli(["serve", "state", "--listen", listen], { env, cwd: folder, signal: end.signal })
    const ask = (): Promise<Response | undefined> =>
      fetch(`http://${listen}${state}`, { headers: { authorization } }).catch(() => undefined)
    for (let turn = 0; turn < 100 && (await ask()) === undefined; turn += 1) await sleep(20)
    expect((await ask())?.status).toBe(404)
    end.abort()
    expect(await ended).toEqual({ exit: 0, stdout: "", stderr: `serving state on http://${listen}\n` })
  })
})

describe("the server, as a process", () => {
  test("serves whom the file and the environment name, under their names", async () => {
    const entry = { sha256: hashToken("of-a-file"), name: "alice", projects: ["github/neat-org/*"], access: "write" }
    await writeFile(join(folder, "tokens.json"), JSON.stringify({ tokens: [entry] }))
    const { running, url } = await start(await anyPort(), "--tokens", "tokens.json")
    const path = `${url}/api/v1/site/github/account/neat-org/project/neat-repo/state/db.json/data`
    for (const token of ["of-a-file", secret])
      await fetch(path, { method: "PUT", body: token, headers: { authorization: `Bearer ${token}` } })
    const names = (await (await store()).history("db.json"))?.map(({ writer }) => writer.by)
    expect(names).toEqual(["ALCIDES_SERVE_TOKEN", "alice"])
    const remote = encodeURIComponent("git@github.com:neat-org/neat-repo.git")
    const key = await fetch(`${url}/api/v1/parse-git-url?gitURL=${remote}`, { headers: { authorization } })
    expect(await key.json()).toMatchObject({ siteName: "github", ownerName: "neat-org", repoName: "neat-repo" })
    running.child.kill("SIGTERM")
    expect(await running.ended).toMatchObject({ exit: 0, stderr: "" })
  })

  test("encrypts and decrypts for its clients, who see what is clear", async () => {
    const { identity, recipient } = await keyPair()
    await writeFile(join(folder, "key"), identity, { mode: 0o600 })
    const { running, url } = await start(await anyPort(), "--recipient", recipient, "--identity", "key")
    const content = "a private key ".repeat(20_000)
    await fetch(url + state, { method: "PUT", body: content, headers: { authorization } })
    const got = await fetch(url + state, { headers: { authorization } })
    expect(got.headers.get("content-length")).toBe(String(content.length))
    expect((await got.text()) === content).toBe(true)
    const [version] = (await (await store()).history("db.json")) ?? []
    expect(version?.encrypted?.recipients).toEqual([recipient])
    running.child.kill("SIGTERM")
    await running.ended

    const plain = await start(await anyPort())
    const put = await fetch(plain.url + state, { method: "PUT", body: content, headers: { authorization } })
    expect([put.status, await put.json()]).toEqual([
      409,
      expect.objectContaining({ code: "state-encryption-expected" }),
    ])
    const read = await fetch(plain.url + state, { headers: { authorization } })
    expect([read.status, await read.json()]).toEqual([500, expect.objectContaining({ code: "state-identity-missing" })])
    plain.running.child.kill("SIGTERM")
    expect((await plain.running.ended).exit).toBe(0)
  })

  test("finishes a put when it is told to end, and takes its socket away", async () => {
    const path = join(folder, "s.sock")
    const { running, url } = await start(`unix:${path}`)
    expect(url).toBe(`unix:${path}`)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const request = httpRequest({ socketPath: path, path: state, method: "PUT", headers: { authorization } })
    request.write("first half, ")
    await sleep(200)
    running.child.kill("SIGTERM")
    await sleep(200)
    expect(running.child.exitCode).toBeNull()
    request.end("second half")
    const [response] = await once(request, "response")
    expect(response.statusCode).toBe(200)
    response.resume()
    expect(await running.ended).toMatchObject({ exit: 0 })
    expect(existsSync(path)).toBe(false)
    const read = await (await store()).get("db.json")
    expect(read === undefined ? undefined : await textOf(read.content)).toBe("first half, second half")
  })

  test("that was killed leaves whole versions, live leases, and a socket that the next one takes", async () => {
    const path = join(folder, "s.sock")
    const first = await start(`unix:${path}`)
    const send = async (method: string, to: string, body: string): Promise<string> => {
      const request = httpRequest({ socketPath: path, path: to, method, headers: { authorization } })
      request.end(body)
      const [response] = await once(request, "response")
      expect(response.statusCode).toBe(200)
      return textOf(response)
    }
    await send("PUT", state, "one")
    const lock = "/api/v1/site/github/account/neat-org/project/neat-repo/lock/production"
    const asked = { description: "deploy", exclusive: true, idempotencyKey: randomUUID() }
    const answer = JSON.parse(await send("POST", lock, JSON.stringify(asked)))
    const half = httpRequest({ socketPath: path, path: state, method: "PUT", headers: { authorization } })
    half.on("error", () => {})
    half.write("half of two")
    await sleep(200)
    first.running.child.kill("SIGKILL")
    await first.running.ended

    const second = await start(`unix:${path}`)
    expect(await send("GET", state, "")).toBe("one")
    await send("POST", `/api/v1/lock-leases/${answer.contents.leaseId}`, '{"description":null}')
    await send("DELETE", `/api/v1/lock-leases/${answer.contents.leaseId}`, "")
    second.running.child.kill("SIGINT")
    expect(await second.running.ended).toMatchObject({ exit: 0 })
  })
})
