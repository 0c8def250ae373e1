import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { buildCli, type BuiltCli } from "../support/built-cli.ts"

let cli: BuiltCli
let folder = ""

beforeAll(async () => {
  cli = await buildCli()
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-secret-terminal-"))
})
afterAll(async () => {
  await cli.remove()
  await rm(folder, { recursive: true, force: true })
})

// Runs `alcides secret echo --password token` on a terminal of its own (`script`, of bsdutils), and types when it is asked.
async function typeAt(keys: string): Promise<{ readonly exit: number; readonly screen: string }> {
  const command = `"${process.execPath}" "${cli.path}" secret echo --password token >"${folder}/out"`
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, TERM: "xterm", SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "inherit"],
  })
  let screen = ""
  let typed = false
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text
    if (typed || !screen.includes("Enter value for token: ")) return
    typed = true
    child.stdin.write(keys)
  })
  const [exit]: (number | null)[] = await once(child, "exit")
  return { exit: exit ?? -1, screen }
}

test("what is typed at a terminal is not shown", async () => {
  const { exit, screen } = await typeAt("typed-secret\r")
  expect(exit).toBe(0)
  expect(screen).toContain("Enter value for token: ")
  expect(screen).not.toContain("typed")
})

test("Ctrl-C ends the question", async () => {
  const { exit, screen } = await typeAt("typed\u0003")
  expect(exit).toBe(2)
  expect(screen).toContain("the input ended before a value was given")
  expect(screen).not.toContain("typed")
})
