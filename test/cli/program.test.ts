import { userInfo } from "node:os"
import { Writable } from "node:stream"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { failureOf, formatFailure } from "../../src/cli/errors.ts"
import { commands, createProgram, main } from "../../src/cli/program.ts"
import { AlcidesError } from "../../src/errors.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { version } from "../../src/version.ts"
import { buildCli, type BuiltCli } from "../support/built-cli.ts"
import { runCli } from "../support/io.ts"

const names = commands.map(({ name }) => name)

describe("help", () => {
  it("is shown without arguments, and names every command", async () => {
    const { exit, stdout, stderr } = await runCli([])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" })
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"))
  })

  it.each([["--help"], ["-h"], ["help"]])("is shown for %s", async (flag) => {
    expect(await runCli([flag])).toEqual(await runCli([]))
  })

  it("is shown for each command and sub-command, with its examples at the end", async () => {
    const program = await createProgram(quiet(), "all")
    for (const command of program.commands) {
      for (const path of [[command.name()], ...command.commands.map((child) => [command.name(), child.name()])]) {
        const { exit, stdout, stderr } = await runCli([...path, "--help"])
        expect({ path, exit, stderr }).toEqual({ path, exit: 0, stderr: "" })
        expect(stdout).toMatch(new RegExp(`^Usage: alcides ${path.join(" ")}`))
        expect(stdout).toMatch(/\nExamples:\n(?: {2}\S.*\n)+$/)
        expect(await runCli(["help", ...path])).toEqual({ exit, stdout, stderr })
      }
    }
  })

  it("of a command that needs a sub-command goes to standard error, with exit code 2", async () => {
    const { exit, stdout, stderr } = await runCli(["state"])
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" })
    expect(stderr).toMatch(/^Usage: alcides state \[options\] \[command\]\n/)
  })
})

it.each([["--version"], ["-V"]])("prints the version for %s", async (flag) => {
  expect(await runCli([flag])).toEqual({ exit: 0, stdout: `${version}\n`, stderr: "" })
})

describe("a mistake on the command line", () => {
  it.each([
    [["stat"], "unknown command 'stat'", "did you mean state?"],
    [["frobnicate"], "unknown command 'frobnicate'", "see `alcides --help`"],
    [["state", "lst"], "unknown command 'lst'", "did you mean list?"],
    [["--dry-run"], "unknown option '--dry-run'", "see `alcides --help`"],
    [["--dry-run", "state"], "unknown option '--dry-run'", "see `alcides --help`"],
    [["state", "list", "--jsn"], "unknown option '--jsn'", "did you mean --json?"],
    [["state", "--yes"], "unknown option '--yes'", "see `alcides state --help`"],
    [
      ["state", "get", "--file", "-"],
      "required option '--name <name>' not specified",
      "see `alcides state get --help`",
    ],
    [["state", "get", "--name"], "option '--name <name>' argument missing", "see `alcides state get --help`"],
    [
      ["state", "list", "more"],
      "too many arguments for 'list'. Expected 0 arguments but got 1",
      "see `alcides state list --help`",
    ],
    [["lock", "run", "--name", "x"], "missing required argument 'command'", "see `alcides lock run --help`"],
    [["completion"], "missing required argument 'shell'", "see `alcides completion --help`"],
    [
      ["completion", "tcsh"],
      "command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish",
      "see `alcides completion --help`",
    ],
  ])("%j gets one line of fact and one of hint", async (args, fact, hint) => {
    expect(await runCli(args)).toEqual({ exit: 2, stdout: "", stderr: `alcides: ${fact}\n  hint: ${hint}\n` })
  })

  it("is one object with --json", async () => {
    const { exit, stdout, stderr } = await runCli(["state", "list", "--json", "--jso"])
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" })
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "usage", message: "unknown option '--jso'", hint: "did you mean --json?", exit: 2 },
    })
  })

  it("is told in words when --json belongs to another program", async () => {
    expect((await runCli(["lock", "run", "--nam", "x", "--", "ls", "--json"])).stderr).toMatch(/^alcides: /)
  })
})

describe("failures", () => {
  it("keep their stack when they are ours", () => {
    const failure = failureOf(new TypeError("x is not a function"))
    expect(failure).toMatchObject({ code: "internal", exit: 1, message: "internal error: x is not a function" })
    expect(formatFailure(failure)).toMatch(
      /^alcides: internal error: x is not a function\n {2}\| TypeError: .*\n(?: {2}\| .*\n)+ {2}hint: this is a bug/,
    )
  })

  it("are one line each, whatever a stranger wrote into them", () => {
    const error = new AlcidesError({
      code: "x",
      message: "held by\n\u001b[2Jnobody",
      hint: "ask\rthem",
      detail: "a\nb\n",
    })
    expect(formatFailure(failureOf(error))).toBe(
      "alcides: held by\\n\\u001b[2Jnobody\n  | a\n  | b\n  hint: ask\\u000dthem",
    )
  })

  it("that Node calls aborted are what they were aborted with", () => {
    const abort = new Error("The operation was aborted", {
      cause: new AlcidesError({ code: "terminated", message: "ended by SIGTERM" }),
    })
    abort.name = "AbortError"
    expect(failureOf(abort)).toEqual({ code: "terminated", message: "ended by SIGTERM", exit: 1 })
  })
})

it("loads nothing but the command that was typed", async () => {
  const program = await createProgram(quiet(), { words: ["lock"], help: true })
  const loaded = program.commands.filter((command) => command.commands.length > 0).map((command) => command.name())
  expect(loaded).toEqual(["lock"])
})

describe("--no-color", () => {
  const colored = async (args: readonly string[], env: Record<string, string> = {}): Promise<boolean> => {
    const stdout = new TerminalSink()
    const stderr = new TerminalSink()
    await main(["doctor", ...args], { ...quiet(), env: { PATH: "", HOME: "/nonexistent", ...env }, stdout, stderr })
    expect(stdout.text).toContain("node")
    return stdout.text.includes("\u001b[")
  }

  it("makes plain text of what a terminal would show in color, as NO_COLOR and a dumb terminal do", async () => {
    expect(await colored([])).toBe(true)
    expect(await colored(["--no-color"])).toBe(false)
    expect(await colored([], { NO_COLOR: "1" })).toBe(false)
    expect(await colored([], { TERM: "dumb" })).toBe(false)
  })
})

describe("the bin entry", () => {
  let cli: BuiltCli

  beforeAll(async () => {
    cli = await buildCli()
  })

  afterAll(() => cli.remove())

  const start = (...args: string[]) => cli.start(args, { env: { PATH: process.env["PATH"] ?? "" }, cwd: "/" })

  it("says its version, and fails with the code of the command", async () => {
    expect(await start("--version").ended).toMatchObject({ exit: 0, stdout: `${version}\n`, stderr: "" })
    expect(await start("stat").ended).toMatchObject({ exit: 2, stdout: "" })
  })

  it("is quiet when its reader goes away", async () => {
    const { child, ended } = start("completion", "bash")
    child.stdout?.destroy()
    const { exit, stderr } = await ended
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" })
  })

  it("writes all of a large output before it exits", async () => {
    const { stdout } = await start("completion", "fish").ended
    expect(stdout).toBe((await runCli(["completion", "fish"])).stdout)
    expect(stdout.length).toBeGreaterThan(10_000)
  })

  it("says so when the output cannot be written", async () => {
    const { exit, stderr } = await cli.start(["completion", "bash"], {
      env: { PATH: process.env["PATH"] ?? "" },
      cwd: "/",
      stdout: "/dev/full",
    }).ended
    expect(exit).toBe(1)
    expect(stderr).toMatch(
      /^alcides: the output could not be written: ENOSPC.*\n {2}hint: free some space, or look at where it goes\n$/,
    )
  })

  it("takes an empty HOME for none, so that state lies in no folder by chance", async () => {
    const { ended } = cli.start(["state", "list", "--project", "github/o/none"], {
      env: { PATH: process.env["PATH"] ?? "", HOME: "" },
      cwd: "/",
    })
    expect((await ended).stderr).toContain(pathToFileURL(userInfo().homedir).href)
  })

  it("does not wait for a standard input that stays open", async () => {
    expect((await start("state", "put", "--name", "a/b", "--file", "-").ended).exit).toBe(2)
  })
})

class TerminalSink extends Writable {
  readonly isTTY = true
  text = ""

  override _write(chunk: unknown, _: BufferEncoding, done: () => void): void {
    this.text += String(chunk)
    done()
  }
}

function quiet() {
  return {
    env: {},
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: new TerminalSink(),
    stderr: new TerminalSink(),
    signal: new AbortController().signal,
    redactor: createRedactor(),
    exit: () => {},
  }
}
