import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AlcidesError } from "../src/errors.ts"
import { findProgram, findProgramHome, runAttached, runProgram, type ProgramOptions } from "../src/exec.ts"
import { createRedactor } from "../src/secrets/redactor.ts"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-exec-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const env = { PATH: process.env["PATH"] ?? "" }

const sh = (script: string, options: Partial<ProgramOptions> = {}) =>
  runProgram("sh", ["-c", script], { env: { ...env, DIR: folder }, ...options })

const node = (script: string, options: Partial<ProgramOptions> = {}) =>
  runProgram(process.execPath, ["-e", script], { env, ...options })

async function linesOf(script: string, options: Partial<ProgramOptions> = {}): Promise<readonly string[]> {
  const lines: string[] = []
  await sh(script, { onLine: (line, from) => void lines.push(`${from}: ${line}`), ...options })
  return lines
}

async function untilFile(path: string): Promise<string> {
  for (let turn = 0; turn < 500; turn++) {
    const content = existsSync(path) ? await readFile(path, "utf8") : ""
    if (content.endsWith("\n")) return content.trim()
    await sleep(20)
  }
  throw new Error(`${path} never came`)
}

// A process that was killed, and that nobody has asked for yet, is dead all the same.
async function isAlive(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")
  return status !== "" && !/\) [ZX] /.test(status)
}

async function untilDead(pid: string): Promise<boolean> {
  for (let turn = 0; turn < 100; turn++) {
    if (!(await isAlive(pid))) return true
    await sleep(20)
  }
  return false
}

describe("arguments and environment", () => {
  it("hands every argument over as it is", async () => {
    const args = ["", "a b", "$HOME", "`id`", "'\"\\", "*", "line\nbreak", "--flag", "ü"]
    const { stdout } = await runProgram(
      process.execPath,
      ["-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--", ...args],
      { env },
    )
    expect(JSON.parse(stdout)).toEqual(args)
  })

  it("gives the program its environment and nothing else", async () => {
    const { stdout } = await runProgram("env", [], { env: { ...env, MINE: "1" } })
    expect(stdout.trim().split("\n").toSorted()).toEqual(["MINE=1", `PATH=${env.PATH}`])
  })

  it("finds programs on the PATH that it is given, and follows links to their home", async () => {
    await mkdir(join(folder, "bin"))
    await mkdir(join(folder, "home"))
    await writeFile(join(folder, "home", "tool"), "#!/bin/sh\n", { mode: 0o755 })
    await writeFile(join(folder, "bin", "data"), "")
    await symlink(join(folder, "home", "tool"), join(folder, "bin", "tool"))
    const path = `:/nonexistent:${join(folder, "bin")}`
    expect(findProgram("tool", path)).toBe(join(folder, "bin", "tool"))
    expect(findProgramHome("tool", path)).toBe(join(folder, "home", "tool"))
    expect(findProgram("data", path)).toBeUndefined()
    expect(findProgram("bin", folder)).toBeUndefined()
    expect(findProgram("tool", undefined)).toBeUndefined()
    expect(findProgramHome("tool", "")).toBeUndefined()
  })

  it("says which program is not there", async () => {
    await expect(runProgram("no-such-program", [], { env })).rejects.toMatchObject({
      code: "program-not-found",
      exit: 2,
      message: "no-such-program is not on PATH",
      hint: "install no-such-program, or add its folder to PATH",
    })
    await expect(runProgram("./no-such-script", [], { env })).rejects.toMatchObject({
      code: "program-not-found",
      exit: 2,
      message: "./no-such-script is no program: it does not exist, or may not be executed",
      hint: "mend the path, or chmod +x ./no-such-script",
    })
  })
})

describe("failures", () => {
  it("tells the exit code, and the last lines when nobody listened", async () => {
    await expect(sh("echo out; echo bad >&2; exit 3")).rejects.toMatchObject({
      code: "program-failed",
      exit: 1,
      message: "sh failed with exit code 3",
      detail: expect.stringMatching(/^(out\nbad|bad\nout)$/),
    })
    const listened = sh("echo out; exit 3", { onLine: () => {} })
    await expect(listened).rejects.toMatchObject({ code: "program-failed", detail: undefined })
  })

  it("names the program and its subcommand, and no option", async () => {
    await expect(runProgram("git", ["cat-file", "-e", "nothing"], { env, cwd: folder })).rejects.toMatchObject({
      message: "git cat-file failed with exit code 128",
    })
  })

  it("tells the signal", async () => {
    await expect(sh("kill -9 $$")).rejects.toMatchObject({
      code: "program-failed",
      message: "sh was killed by SIGKILL",
    })
    expect(await sh("kill -9 $$", { success: [137] })).toMatchObject({ exitCode: 137 })
  })

  it("accepts the exit codes that are no failure", async () => {
    expect(await sh("exit 4", { success: [0, 4] })).toMatchObject({ exitCode: 4 })
    await expect(sh("exit 0", { success: [4] })).rejects.toMatchObject({ message: "sh failed with exit code 0" })
  })

  it("says that a folder is not there", async () => {
    await expect(sh("true", { cwd: join(folder, "none") })).rejects.toMatchObject({
      code: "program-failed",
      message: expect.stringContaining("sh could not be started: "),
      hint: "try it by hand in the same folder; a script needs its #! line",
    })
  })
})

describe("output", () => {
  it("comes line by line, with the last line also without its end", async () => {
    expect(await linesOf("printf 'a\\r\\n\\nb'")).toEqual(["stdout: a", "stdout: ", "stdout: b"])
  })

  it("keeps characters whole that come in two chunks", async () => {
    const lines = await linesOf(
      `printf '\\303'; sleep 0.2; printf '\\274\\n'; printf '\\342\\202' ; sleep 0.2; printf '\\254'`,
    )
    expect(lines).toEqual(["stdout: ü", "stdout: €"])
  })

  it("masks a secret that comes in pieces, on both streams, but returns the output as it was", async () => {
    const redactor = createRedactor()
    redactor.add("hunter22-secret")
    const lines: string[] = []
    const { stdout } = await sh(
      "printf 'x hunter2'; sleep 0.2; printf '2-secret y\\n'; printf 'hunter22-' >&2; sleep 0.2; printf 'secret\\n' >&2",
      { redactor, onLine: (line) => void lines.push(line) },
    )
    expect(lines).toEqual(["x *** y", "***"])
    expect(stdout).toBe("x hunter22-secret y\n")
  })

  it("masks what it tells of a failure", async () => {
    const redactor = createRedactor()
    redactor.add("hunter22-secret")
    await expect(sh("echo hunter22-secret; exit 1", { redactor })).rejects.toMatchObject({ detail: "***" })
  })

  it("keeps 16 MiB and shows everything, a line without an end in parts", async () => {
    let shown = 0
    let longest = 0
    const { stdout } = await sh("head -c 20000000 /dev/zero | tr '\\0' x", {
      onLine: (line) => {
        shown += line.length
        longest = Math.max(longest, line.length)
      },
    })
    expect(stdout.length).toBe(16 * 1024 * 1024)
    expect(shown).toBe(20_000_000)
    expect(longest).toBeLessThan(256 * 1024)
  })
})

describe("input and output files", () => {
  it("gives input, an input file, or nothing", async () => {
    await writeFile(join(folder, "in"), "from a file")
    expect(await sh("cat", { input: "from a text" })).toMatchObject({ stdout: "from a text" })
    expect(await sh("cat", { inputFile: join(folder, "in") })).toMatchObject({ stdout: "from a file" })
    expect(await sh("cat")).toMatchObject({ stdout: "" })
  })

  it("does not mind a program that leaves its input unread", async () => {
    expect(await sh("exit 0", { input: "x".repeat(5_000_000) })).toMatchObject({ exitCode: 0 })
  })

  it("sends the output to a file, for its owner alone, and to nobody else", async () => {
    const file = join(folder, "out")
    const lines: string[] = []
    const { stdout } = await sh("echo out; echo err >&2", {
      outputFile: file,
      onLine: (line) => void lines.push(line),
    })
    expect(stdout).toBe("")
    expect(lines).toEqual(["err"])
    expect(await readFile(file, "utf8")).toBe("out\n")
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it("says that a file cannot be opened, and starts nothing", async () => {
    const touch = `touch ${folder}/started`
    for (const options of [{ inputFile: join(folder, "none") }, { outputFile: join(folder, "none", "out") }]) {
      await expect(sh(touch, options)).rejects.toMatchObject({
        code: "program-failed",
        message: expect.stringMatching(/^a file for standard input or output cannot be opened: ENOENT/),
      })
    }
    expect(existsSync(join(folder, "started"))).toBe(false)
  })

  it("lets a program fail on a full disk, instead of taking half a file for the whole", async () => {
    await expect(
      runProgram("head", ["-c", "1000000", "/dev/zero"], { env, outputFile: "/dev/full" }),
    ).rejects.toMatchObject({ code: "program-failed", message: "head failed with exit code 1" })
  })
})

describe("ends", () => {
  it("ends a program at its deadline, with all that it started", async () => {
    const began = performance.now()
    await expect(sh("sleep 60 & echo $! > $DIR/pid; wait", { timeout: 0.3 })).rejects.toMatchObject({
      code: "program-timeout",
      message: "sh did not end within 0.3 s",
    })
    expect(performance.now() - began).toBeLessThan(5000)
    expect(await isAlive(await untilFile(join(folder, "pid")))).toBe(false)
  })

  it("ends a program when it is told to, and says why", async () => {
    const controller = new AbortController()
    const running = sh("sleep 60 & echo $! > $DIR/pid; wait", { signal: controller.signal })
    const pid = await untilFile(join(folder, "pid"))
    const reason = new AlcidesError({ code: "terminated", message: "ended by SIGTERM" })
    controller.abort(reason)
    await expect(running).rejects.toMatchObject({
      code: "program-aborted",
      message: "sh was ended: ended by SIGTERM",
      cause: reason,
    })
    expect(await isAlive(pid)).toBe(false)
  })

  it("does not start what was ended before, or while its program was looked for", async () => {
    const controller = new AbortController()
    controller.abort(new Error("too late"))
    const running = sh("touch $DIR/started", { signal: controller.signal })
    await expect(running).rejects.toMatchObject({ code: "program-aborted", message: "sh was ended: too late" })
    for (let turns = 0; turns < 8; turns++) {
      const soon = new AbortController()
      const started = sh("sleep 60", { signal: soon.signal })
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      soon.abort(new Error("soon"))
      await expect(started).rejects.toMatchObject({ code: "program-aborted" })
    }
    expect(existsSync(join(folder, "started"))).toBe(false)
  })

  it("kills a program and a grandchild that do not heed TERM, and returns only when both are gone", async () => {
    const controller = new AbortController()
    const stubborn = "trap '' TERM; while :; do sleep 0.05; done"
    // The grandchild has let go of the pipes, so that only its group tells that it lives.
    const running = sh(`sh -c "${stubborn}" > /dev/null 2>&1 & echo $! > $DIR/pid; ${stubborn}`, {
      signal: controller.signal,
      grace: 0.3,
    })
    const pid = await untilFile(join(folder, "pid"))
    controller.abort(new Error("enough"))
    await expect(running).rejects.toMatchObject({ code: "program-aborted" })
    expect(await untilDead(pid)).toBe(true)
  })

  it("waits for a grandchild that cleans up after its parent has gone", async () => {
    const controller = new AbortController()
    const cleaning =
      "trap 'sleep 0.5; echo clean > $DIR/clean; exit' TERM; echo ready > $DIR/ready; while :; do sleep 0.05; done"
    await writeFile(join(folder, "clean.sh"), cleaning)
    const running = sh("sh $DIR/clean.sh > /dev/null 2>&1 & trap 'exit 1' TERM; wait", { signal: controller.signal })
    await untilFile(join(folder, "ready"))
    controller.abort(new Error("enough"))
    await expect(running).rejects.toMatchObject({ code: "program-aborted" })
    expect(existsSync(join(folder, "clean"))).toBe(true)
  })

  it("does not wait for a daemon that holds the output open", async () => {
    const began = performance.now()
    const { stdout } = await sh("setsid sleep 30 & echo $! > $DIR/pid; echo done")
    expect(stdout).toBe("done\n")
    expect(performance.now() - began).toBeLessThan(10_000)
    process.kill(Number(await untilFile(join(folder, "pid"))), "SIGKILL")
  })

  it("reads what comes soon after the program's end", async () => {
    const { stdout } = await sh("(sleep 0.5; echo late; sleep 0.5; echo later) & echo early")
    expect(stdout).toBe("early\nlate\nlater\n")
  })
})

describe("our own end", () => {
  const killer = async (signal: NodeJS.Signals, path: string): Promise<string> => {
    const script = join(folder, "parent.mjs")
    const exec = new URL("../src/exec.ts", import.meta.url).pathname
    await writeFile(
      join(folder, "entry.ts"),
      `import { runProgram } from ${JSON.stringify(exec)}
       await runProgram("sh", ["-c", "echo $$ > ${folder}/child; exec sleep 60"], { env: { PATH: process.env.PATH ?? "" } })`,
    )
    const { build } = await import("esbuild")
    await build({
      entryPoints: [join(folder, "entry.ts")],
      outfile: script,
      bundle: true,
      platform: "node",
      format: "esm",
      banner: { js: 'import{createRequire as r}from"node:module";const require=r(import.meta.url);' },
    })
    const parent = runProgram(process.execPath, [script], { env: { PATH: path }, success: [0, 1, 137, 143] })
    const child = await untilFile(join(folder, "child"))
    const group = await readFile(`/proc/${child}/stat`, "utf8")
    const parentPid = Number(group.slice(group.lastIndexOf(")") + 2).split(" ")[1])
    process.kill(parentPid, signal)
    await parent
    return child
  }

  it("takes the program along, also when we are killed", async () => {
    const child = await killer("SIGKILL", env.PATH)
    expect(await untilDead(child)).toBe(true)
  })

  it("works with a setpriv that knows no --pdeathsig, as BusyBox has it", async () => {
    await mkdir(join(folder, "bin"))
    const busybox = join(folder, "busybox")
    await writeFile(busybox, "#!/bin/sh\necho 'setpriv: unrecognized option' >&2\nexit 1\n", { mode: 0o755 })
    await symlink(busybox, join(folder, "bin", "setpriv"))
    const { stdout } = await runProgram("sh", ["-c", "echo works"], {
      env: { PATH: `${join(folder, "bin")}:${env.PATH}` },
    })
    expect(stdout).toBe("works\n")
  })
})

describe("runAttached", () => {
  it("returns the exit code, 128+n for a signal", async () => {
    expect(await runAttached("sh", ["-c", "exit 7"], { env })).toBe(7)
    expect(await runAttached("sh", ["-c", "kill -15 $$"], { env })).toBe(143)
  })

  it("throws when the program is not there, or not to be started any more", async () => {
    await expect(runAttached("no-such-program", [], { env })).rejects.toMatchObject({ code: "program-not-found" })
    const signal = AbortSignal.abort(new Error("over"))
    await expect(runAttached("true", [], { env, signal })).rejects.toMatchObject({
      code: "program-aborted",
      message: "true was ended: over",
    })
  })

  it("ends the program and what it started", async () => {
    const controller = new AbortController()
    const running = runAttached("sh", ["-c", `sleep 60 & echo $! > ${folder}/pid; wait`], {
      env,
      signal: controller.signal,
    })
    const pid = await untilFile(join(folder, "pid"))
    controller.abort(new Error("over"))
    expect(await running).toBe(143)
    expect(await isAlive(pid)).toBe(false)
  })
})

describe("a signal that many programs share", () => {
  it("is left without listeners", async () => {
    const { signal } = new AbortController()
    const warnings: string[] = []
    const warned = (warning: Error): void => void warnings.push(warning.name)
    process.on("warning", warned)
    for (let turn = 0; turn < 15; turn++) await sh("true", { signal })
    await node("", { signal })
    process.off("warning", warned)
    expect(warnings).toEqual([])
  })
})
