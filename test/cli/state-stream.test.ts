import { createHash } from "node:crypto"
import { createReadStream, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { buildCli, type BuiltCli, type RunningCli } from "../support/built-cli.ts"
import { runCli } from "../support/io.ts"

const mebibyte = 1024 * 1024
const chunks = 200

let cli: BuiltCli
let folder: string
let env: Record<string, string>

beforeAll(async () => {
  cli = await buildCli()
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-stream-"))
  env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    ALCIDES_STATE: `file:${folder}/store`,
    ALCIDES_PROJECT: "github/a/b",
  }
})

afterAll(async () => {
  await cli.remove()
  await rm(folder, { recursive: true, force: true })
})

const start = (command: string, name: string, file: string): RunningCli =>
  cli.start(["state", command, "--name", name, "--file", file], { env, cwd: folder })

// The most memory that the process ever had, in bytes, as far as it was seen before it ended.
async function peakOf({ child, ended }: RunningCli): Promise<number> {
  let peak = 0
  while (child.exitCode === null && child.signalCode === null) {
    try {
      const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? []
      peak = Math.max(peak, Number(kilobytes ?? 0) * 1024)
    } catch {
      // It has just ended.
    }
    await sleep(20)
  }
  expect(await ended).toMatchObject({ exit: 0 })
  return peak
}

describe.skipIf(process.platform !== "linux")("a large state file", () => {
  it("goes in and out in memory that does not grow with it", async () => {
    const chunk = Buffer.alloc(mebibyte, "alcides ")
    const hash = createHash("sha256")
    for (let index = 0; index < chunks; index += 1) hash.update(chunk)
    const sha256 = hash.digest("hex")

    const small = start("put", "small", "-")
    small.child.stdin?.end("{}")
    const idle = await peakOf(small)
    expect(idle).toBeGreaterThan(20 * mebibyte)

    const large = start("put", "large", "-")
    const peak = peakOf(large)
    if (large.child.stdin === null) throw new Error("no standard input")
    await pipeline(Readable.from(Array.from({ length: chunks }, () => chunk)), large.child.stdin)
    expect((await peak) - idle).toBeLessThan(100 * mebibyte)
    expect((await large.ended).stderr).toContain(`state large: version 1, 200.0 MiB, sha256 ${sha256}`)

    const fetched = await peakOf(start("get", "large", join(folder, "large")))
    expect(fetched - idle).toBeLessThan(100 * mebibyte)
    const back = createHash("sha256")
    await pipeline(createReadStream(join(folder, "large")), back)
    expect(back.digest("hex")).toBe(sha256)
  })

  it("is written not at all when its program is ended in the middle, by a signal that can be caught or not", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const { child, ended } = start("put", "half", "-")
      child.stdin?.on("error", () => {})
      child.stdin?.write(Buffer.alloc(mebibyte))
      await sleep(800)
      child.kill(signal)
      const { exit, stderr } = await ended
      expect(exit).toBe(signal === "SIGTERM" ? 143 : "SIGKILL")
      if (signal === "SIGTERM") {
        expect(stderr).toBe("alcides: ended by SIGTERM\n")
        expect((await runCli(["lock", "list", "--json"], { env, cwd: folder })).stdout).toBe("[]\n")
      }
    }
    const got = await runCli(["state", "get", "--name", "half", "--file", "-"], { env, cwd: folder })
    expect(got).toMatchObject({
      exit: 1,
      stdout: "",
      stderr: expect.stringMatching(/^alcides: there is no state file half/),
    })
    expect((await runCli(["state", "history", "--name", "half", "--json"], { env, cwd: folder })).stderr).toContain(
      '"state-absent"',
    )
  })

  it("is quiet, but no success, when the reader goes away in the middle", async () => {
    const { child, ended } = start("get", "large", "-")
    child.stdout?.once("data", () => child.stdout?.destroy())
    expect(await ended).toMatchObject({ exit: 141, stderr: "" })
  })
})
