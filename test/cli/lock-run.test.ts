import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { appears } from "../support/appears.ts"
import { buildCli, type BuiltCli, type RunningCli } from "../support/built-cli.ts"
import { cliHome } from "../support/cli-home.ts"
import { runCli } from "../support/io.ts"

let cli: BuiltCli
let folder: string
let env: Record<string, string>

beforeAll(async () => {
  cli = await buildCli()
})

afterAll(async () => {
  await cli.remove()
})

beforeEach(async () => {
  const home = await cliHome()
  ;({ folder, env } = home)
  return home.remove
})

const run = (args: readonly string[]): RunningCli =>
  cli.start(["lock", "run", "--name", "production", ...args], { env, cwd: folder })

const inFolder = (name: string): string => join(folder, name)

async function locks(): Promise<unknown> {
  return JSON.parse((await runCli(["lock", "list", "--json"], { env, cwd: folder })).stdout)
}

function isAlive(pid: string): boolean {
  try {
    process.kill(Number(pid), 0)
    return true
  } catch {
    return false
  }
}

async function ends(pid: string): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (!isAlive(pid)) return true
    await sleep(50)
  }
  return false
}

const codeIn = (stderr: string): unknown => {
  const { error }: { error: { code: unknown } } = JSON.parse(
    stderr.split("\n").find((line) => line.startsWith("{")) ?? "",
  )
  return error.code
}

describe("lock run", () => {
  it("does not give COMMAND the key to all state", async () => {
    env = { ...env, ALCIDES_AGE_IDENTITY: "AGE-SECRET-KEY-1PLANTED", ALCIDES_AGE_IDENTITY_FILE: "/key" }
    const { exit, stdout } = await run(["env"]).ended
    expect(exit).toBe(0)
    expect(stdout).toContain("ALCIDES_AGE_IDENTITY_FILE=/key\n")
    expect(stdout).not.toContain("PLANTED")
  })

  it("gives the program our streams, its own flags and both lease variables, and exits with its code", async () => {
    const script =
      'read line; echo "$line $1 $2"; echo "$ALCIDES_LOCK_LEASE_ID" >&2; [ "$ALCIDES_LOCK_LEASE_ID" = "$HERCULES_CI_LOCK_LEASE_ID" ] && exit 42'
    const { child, ended } = run(["sh", "-c", script, "sh", "--name", "--json"])
    child.stdin?.end("hello\n")
    const { exit, stdout, stderr } = await ended
    expect({ exit, stdout }).toEqual({ exit: 42, stdout: "hello --name --json\n" })
    expect(stderr).toMatch(/^[0-9a-f-]{36}\n$/)
    expect(await locks()).toEqual([])
  })

  it("takes what follows -- as the program", async () => {
    expect(await run(["--no-wait", "--", "printf", "%s", "--no-wait"]).ended).toEqual({
      exit: 0,
      stdout: "--no-wait",
      stderr: "",
    })
  })

  it("lets what it runs take and write under the same lock", async () => {
    const inner = `"${process.execPath}" "${cli.path}"`
    const script = `${inner} lock run --name production --no-wait -- true && echo '{}' | ${inner} state put --name a.json --file -`
    const { exit, stderr } = await run(["--", "sh", "-c", script]).ended
    expect(exit).toBe(0)
    expect(stderr).toContain("state a.json: version 1")
  })

  it("exits 128+n for a program that a signal ended", async () => {
    expect((await run(["--", "sh", "-c", "kill -SEGV $$"]).ended).exit).toBe(139)
  })

  it("says who holds the lock while it runs", async () => {
    const { child, ended } = run(["--", "sh", "-c", "echo ready > ready; read line"])
    await appears(inFolder("ready"))
    expect(await locks()).toMatchObject([
      { lock: "production", leases: [{ description: "alcides lock run sh", exclusive: true }] },
    ])
    const blocked = await run(["--no-wait", "--", "touch", "never"]).ended
    expect(blocked.exit).toBe(6)
    expect(blocked.stderr).toContain('the lock "production" was not obtained: it is held by')
    child.stdin?.end("\n")
    expect((await ended).exit).toBe(0)
    expect(existsSync(inFolder("never"))).toBe(false)
  })

  it("takes no lock for a program that does not exist or does not start", async () => {
    expect(await run(["--", "no-such-program"]).ended).toMatchObject({
      exit: 2,
      stderr: "alcides: no-such-program is not on PATH\n  hint: install no-such-program, or add its folder to PATH\n",
    })
    await writeFile(inFolder("broken"), "#!/no/such/interpreter\n", { mode: 0o755 })
    expect((await run(["--", "./broken"]).ended).exit).not.toBe(0)
    expect(await locks()).toEqual([])
  })

  it("needs a program", async () => {
    const { exit, stderr } = await run([]).ended
    expect({ exit, stderr }).toEqual({
      exit: 2,
      stderr: "alcides: missing required argument 'command'\n  hint: see `alcides lock run --help`\n",
    })
  })

  it("keeps the lease alive for longer than its time", async () => {
    const { child, ended } = run(["--ttl", "1", "--", "sh", "-c", "echo ready > ready; read line"])
    await appears(inFolder("ready"))
    await sleep(2500)
    expect(await locks()).toMatchObject([{ leases: [{}] }])
    child.stdin?.end("\n")
    expect((await ended).exit).toBe(0)
  })

  it("ends the program and everything it started as soon as the lease is lost, with exit 4", async () => {
    const script = "sleep 600 & echo $! > grandchild; trap 'exit 0' TERM; echo $$ > ready; while :; do sleep 0.1; done"
    const { ended } = run(["--ttl", "2", "--", "sh", "-c", script])
    const pid = await appears(inFolder("ready"))
    const grandchild = await appears(inFolder("grandchild"))
    await runCli(["lock", "break", "--name", "production", "--yes"], { env, cwd: folder })
    const { exit, stderr } = await ended
    expect(exit).toBe(4)
    expect(stderr).toMatch(
      /^alcides: sh was ended, because the lock "\S+" was lost: the lease \S+ is no longer held: .*\n  hint: look at what it did by then, before it is run again$/m,
    )
    expect([await ends(pid), await ends(grandchild)]).toEqual([true, true])
  })

  it("notices within seconds that the lock was broken, and tells it from a lock that was never obtained", async () => {
    const { ended } = run(["--json", "--", "sh", "-c", "echo $$ > ready; while :; do sleep 0.1; done"])
    const pid = await appears(inFolder("ready"))
    const blocked = await run(["--json", "--no-wait", "--", "true"]).ended
    expect([blocked.exit, codeIn(blocked.stderr)]).toEqual([6, "lock-not-obtained"])
    const broken = performance.now()
    await runCli(["lock", "break", "--name", "production", "--yes"], { env, cwd: folder })
    const { exit, stderr } = await ended
    // A third of the lease's time would be twenty seconds.
    expect(performance.now() - broken).toBeLessThan(15_000)
    expect([exit, codeIn(stderr)]).toEqual([4, "lock-lost"])
    expect(await ends(pid)).toBe(true)
  })

  it("kills a program that ignores TERM after the grace, and what it started, in a session of its own, too", async () => {
    const script = [
      "trap '' TERM",
      "sleep 600 & echo $! > grandchild",
      "setsid sh -c 'echo $$ > daemon; exec sleep 600' &",
      "echo $$ > ready; while :; do sleep 0.1; done",
    ].join("\n")
    const { ended } = run(["--ttl", "1", "--grace", "1", "--", "sh", "-c", script])
    const pids = await Promise.all(["ready", "grandchild", "daemon"].map((name) => appears(inFolder(name))))
    const broken = performance.now()
    await runCli(["lock", "break", "--name", "production", "--yes"], { env, cwd: folder })
    expect((await ended).exit).toBe(4)
    expect(performance.now() - broken).toBeGreaterThan(900)
    if (process.platform === "linux") expect(await Promise.all(pids.map(ends))).toEqual([true, true, true])
  })

  it.skipIf(process.platform !== "linux")(
    "ends everything on a terminal, too, where all are in one group",
    async () => {
      await writeFile(
        inFolder("deaf.sh"),
        "trap '' TERM; sleep 600 & echo $! > grandchild; echo $$ > ready; while :; do sleep 0.1; done\n",
      )
      const command = `exec "${process.execPath}" "${cli.path}" lock run --name production --ttl 1 --grace 1 -- sh deaf.sh`
      const terminal = spawn("script", ["-qec", command, "/dev/null"], {
        env,
        cwd: folder,
        stdio: ["pipe", "pipe", "inherit"],
      })
      const shown = text(terminal.stdout)
      const ended = once(terminal, "close")
      const pids = await Promise.all(["ready", "grandchild"].map((name) => appears(inFolder(name))))
      await runCli(["lock", "break", "--name", "production", "--yes"], { env, cwd: folder })
      expect(await ended).toEqual([4, null])
      expect(await shown).toMatch(/was lost: the lease \S+ is no longer held: /)
      expect(await Promise.all(pids.map(ends))).toEqual([true, true])
    },
  )

  it("wakes after a pause that outlasted its lease, and neither writes nor goes on", async () => {
    const inner = `"${process.execPath}" "${cli.path}"`
    const script = `echo $$ > ready; while ! [ -e go ]; do sleep 0.05; done; echo stale | ${inner} state put --name a.json --file - --no-wait; echo $? > refused; while :; do sleep 0.1; done`
    const lock = "alcides.state.a.json"
    const { child, ended } = cli.start(["lock", "run", "--name", lock, "--ttl", "2", "--", "sh", "-c", script], {
      env,
      cwd: folder,
    })
    const pid = await appears(inFolder("ready"))
    child.kill("SIGSTOP")
    const next = await runCli(["lock", "acquire", "--name", lock], { env, cwd: folder })
    const inside = { ...env, ALCIDES_LOCK_LEASE_ID: next.stdout.trim() }
    const put = ["state", "put", "--name", "a.json", "--file", "-"]
    expect((await runCli(put, { env: inside, cwd: folder, input: "fresh" })).exit).toBe(0)
    // The program itself was not paused: its write is refused as well, and what it wrote is kept.
    await writeFile(inFolder("go"), "")
    expect(await appears(inFolder("refused"))).toBe("7")
    child.kill("SIGCONT")
    const { exit, stderr } = await ended
    expect(exit).toBe(4)
    expect(stderr).toMatch(
      /^alcides: sh was ended, because the lock "\S+" was lost: the lease \S+ is no longer held: .*\n  hint: look at what it did by then, before it is run again$/m,
    )
    expect(await ends(pid)).toBe(true)
    const get = ["state", "get", "--name", "a.json", "--file", "-"]
    expect((await runCli(get, { env, cwd: folder })).stdout).toBe("fresh")
    expect(await locks()).toMatchObject([{ lock, leases: [{}] }])
  }, 30_000)

  it("warns when the lock cannot be released, and exits as the program did", async () => {
    const inner = `"${process.execPath}" "${cli.path}"`
    const script = `${inner} lock break --name production --yes; exit 3`
    const { exit, stderr } = await run(["--", "sh", "-c", script]).ended
    expect(exit).toBe(3)
    expect(stderr).toMatch(/could not release the lock production \(the lease \S+ is no longer held/)
  })

  it("that was killed is named by whoever comes next, with the command that breaks its lock", async () => {
    const { child, ended } = run(["--ttl", "600", "--", "sh", "-c", "echo ready > ready; read line"])
    await appears(inFolder("ready"))
    const alive = await run(["--no-wait", "--", "true"]).ended
    expect(alive.stderr).not.toContain("has ended")
    child.kill("SIGKILL")
    await ended
    const { exit, stderr } = await run(["--no-wait", "--", "true"]).ended
    expect(exit).toBe(6)
    if (process.platform !== "linux") return
    expect(stderr).toContain(`; process ${child.pid} of this machine held it, and has ended\n`)
    const command = / {2}hint: .*: alcides (lock break .* --name production --reason '.*')$/m.exec(stderr)?.[1] ?? ""
    const { status } = spawnSync("sh", ["-c", `"$0" "$1" ${command} --yes`, process.execPath, cli.path], { env })
    expect(status).toBe(0)
    expect((await run(["--no-wait", "--", "true"]).ended).exit).toBe(0)
  })

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 143],
  ] as const)("hands %s on as TERM, waits for the program's end, and releases the lock", async (signal, exit) => {
    const script =
      "trap 'sleep 0.3; echo cleaned > cleaned; trap - TERM; kill -TERM $$' TERM; echo ready > ready; while :; do sleep 0.1; done"
    const { child, ended } = run(["--", "sh", "-c", script])
    await appears(inFolder("ready"))
    child.kill(signal)
    expect((await ended).exit).toBe(exit)
    expect(await appears(inFolder("cleaned"))).toBe("cleaned")
    expect(await locks()).toEqual([])
  })

  it("exits at once at a second signal, and takes the program along", async () => {
    const { child, ended } = run(["--", "sh", "-c", "trap '' TERM; echo $$ > ready; while :; do sleep 0.1; done"])
    const pid = await appears(inFolder("ready"))
    child.kill("SIGTERM")
    await sleep(300)
    expect(isAlive(pid)).toBe(true)
    child.kill("SIGTERM")
    expect((await ended).exit).toBe(143)
    expect(await ends(pid)).toBe(true)
  })

  it("leaves no program behind when it is killed, and the lock is free after its time", async () => {
    const { child, ended } = run(["--ttl", "2", "--", "sh", "-c", "echo $$ > ready; while :; do sleep 0.1; done"])
    const pid = await appears(inFolder("ready"))
    const waiting = runCli(["lock", "acquire", "--name", "production"], { env, cwd: folder })
    child.kill("SIGKILL")
    const killed = performance.now()
    expect((await ended).exit).toBe("SIGKILL")
    if (process.platform === "linux") expect(await ends(pid)).toBe(true)
    expect((await waiting).exit).toBe(0)
    // The lease's whole time at most, and one turn of the first in the queue.
    expect(performance.now() - killed).toBeLessThan(2000 + 500 + 2000)
  })
})
