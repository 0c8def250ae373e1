import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { phaseNames, type PhaseName } from "../../src/effect/effect.ts"
import { appears } from "../support/appears.ts"
import { buildCli, type BuiltCli, type RunningCli } from "../support/built-cli.ts"
import { testProject, type TestProject } from "../support/project.ts"

const password = "hunter2-hunter2-hunter2"

let cli: BuiltCli
let project: TestProject
beforeAll(async () => {
  cli = await buildCli()
})
afterAll(() => cli.remove())
beforeEach(async () => {
  project = await testProject()
  await project.put("db", "old")
  const data = { password }
  await project.secrets({ y: { kind: "Secret", data, condition: { isBranch: "production" } } })
  // Each phase changes the state and, when it is its turn, blocks in a program until it is told to go on.
  await project.pipeline(
    `{ net: mkEffect({
      name: "net", secretsMap: { y: "y" }, state: "db", lock: "cloud",
      init: at("init"), getState: at("getState"), userSetup: [{ description: "x", secrets: [], run: at("userSetup") }],
      priorCheck: at("priorCheck"), effect: at("effect"), putState: at("putState"), effectCheck: at("effectCheck"),
    }) }`,
    {
      before: `
const at = (phase: string) => async (context: any): Promise<void> => {
  note(phase)
  if (phase === "effect") writeFileSync(context.stateFile("db").path, "changed")
  if (process.env.BLOCK !== phase) return
  writeFileSync(context.home + "/password", String(context.secret("y").reveal()["password"]))
  await context.run("sh", ["-c", "cp $HOME/password $TMPDIR/copy; echo $$ > " + notes + "/pid; while ! test -e " + notes + "/go; do sleep 0.02; done"])
}`,
    },
  )
})
afterEach(() => project.remove())

const start = (phase: PhaseName | "nothing", args: readonly string[] = ["run"]): RunningCli =>
  cli.start(args, { env: { ...project.env, BLOCK: phase }, cwd: project.repository.root })

const blocked = async (): Promise<number> => Number(await appears(join(project.notes, "pid")))

const goOn = (): Promise<void> => writeFile(join(project.notes, "go"), "")

const held = async (): Promise<readonly string[]> =>
  (await project.store.locks()).filter(({ leases }) => leases.length > 0).map(({ lock }) => lock)

// Where the planted secret lies, but for secrets.json.
async function leaks(): Promise<readonly string[]> {
  const found: string[] = []
  for (const path of await project.files()) {
    if (!path.endsWith("/secrets.json") && (await readFile(path, "utf8")).includes(password)) found.push(path)
  }
  return found
}

const privateFiles = async (): Promise<readonly string[]> =>
  (await project.files()).filter((path) => path.startsWith(project.env["TMPDIR"] ?? ""))

const isAlive = async (pid: number): Promise<boolean> =>
  /\) [^ZX] /.test(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""))

// What is known of each phase: whether putState runs after an end in it, and what the run then exits with.
const after = (phase: PhaseName) => {
  const index = phaseNames.indexOf(phase)
  return {
    changed: index >= phaseNames.indexOf("effect"),
    reached: index >= phaseNames.indexOf("getState") + 1,
  }
}

describe.each(["SIGINT", "SIGTERM"] as const)("%s", (signal) => {
  it.each(phaseNames)("during %s: nothing secret is left, the locks are free, the state is whole", async (phase) => {
    const running = start(phase)
    const program = await blocked()
    running.child.kill(signal)
    if (phase === "putState") {
      // What was changed must be written down: this phase goes on.
      await sleep(300)
      expect(await isAlive(program)).toBe(true)
      await goOn()
    }
    const { exit, stdout, stderr } = await running.ended
    const { changed, reached } = after(phase)
    const number = signal === "SIGINT" ? 130 : 143
    expect(exit).toBe(changed ? 4 : number)
    const said = signal === "SIGINT" ? "interrupted by SIGINT" : "ended by SIGTERM"
    const failedIn = phase === "putState" ? "effectCheck" : phase
    expect(stderr).toContain(`alcides: net: ${failedIn} failed: ${said}\n`)
    expect(stdout + stderr).not.toContain(password)
    expect(await leaks()).toEqual([])
    expect(await privateFiles()).toEqual([])
    expect(await isAlive(program)).toBe(false)
    expect(await held()).toEqual([])
    expect((await project.noted()).includes("putState")).toBe(reached)
    expect((await project.noted()).filter((line) => line === "putState").length).toBeLessThan(2)
    expect(await project.state("db")).toBe(changed ? "changed" : "old")
    expect(await project.store.history("db")).toHaveLength(changed ? 2 : 1)
  })
})

describe("SIGKILL", () => {
  it.each(phaseNames)("during %s: the next run cleans up, and keeps what had been fetched", async (phase) => {
    const running = start(phase)
    const program = await blocked()
    running.child.kill("SIGKILL")
    expect((await running.ended).exit).toBe("SIGKILL")
    expect(await project.state("db")).toBe(phase === "effectCheck" ? "changed" : "old")
    // Nobody could clean up: what the next run must find is there.
    expect((await leaks()).length).toBeGreaterThan(0)
    // The locks end by themselves a minute later; a person may be faster.
    expect(await held()).toEqual(["alcides.effect.net", "alcides.state.db", "cloud"])
    for (const lock of await held()) await project.store.break(lock, { by: "test" })

    const open = phase === "effect" || phase === "putState"
    const { exit, stdout, stderr } = await start("nothing").ended
    // What the killed run had changed may not be in the state: nothing goes on without it.
    const stopped = { exit: open ? 7 : 0, leaks: [], files: [] }
    expect({ exit, leaks: await leaks(), files: await privateFiles() }).toEqual(stopped)
    expect(stdout + stderr).not.toContain(password)
    expect(await isAlive(program)).toBe(false)
    expect(await held()).toEqual([])
    expect(await project.state("db")).toBe(open ? "old" : "changed")
    const kept = / an earlier run of net was killed before it could put its state; what it had is kept in (\S+)/.exec(
      stderr,
    )
    if (!open) expect(stderr).not.toContain("kept in")
    else {
      const folder = kept?.[1] ?? ""
      expect(await readFile(join(folder, "files", "db"), "utf8")).toBe("changed")
      expect((await stat(folder)).mode & 0o777).toBe(0o700)
      expect(stderr).toContain(
        `alcides: an earlier run of net could not put its state, and what it knew is still in ${folder}\n`,
      )
      await rm(folder, { recursive: true })
      expect((await start("nothing").ended).exit).toBe(0)
    }
  })
})

describe("a second signal", () => {
  it("ends the run at once; nothing secret is left, and the next run keeps the state", async () => {
    const running = start("putState")
    const program = await blocked()
    running.child.kill("SIGTERM")
    // Long enough for it to say that it is not done yet.
    await sleep(2_500)
    running.child.kill("SIGTERM")
    const ended = await running.ended
    expect(ended.exit).toBe(143)
    expect(ended.stderr).toContain("alcides: ending what is under way in order; once more, and it ends at once\n")
    expect(await leaks()).toEqual([])
    expect(await isAlive(program)).toBe(false)
    for (const lock of await held()) await project.store.break(lock, { by: "test" })
    const { exit, stderr } = await start("nothing").ended
    expect(exit).toBe(7)
    expect(stderr).toContain("what it had is kept in")
    expect(await privateFiles()).toEqual([])
  })
})

describe("while it waits for a lock", () => {
  it("a signal ends the run, and gives its place in the queue up", async () => {
    const request = { exclusive: true, description: "", holder: { by: "bob" }, ttl: 60, queue: false }
    await project.store.acquire({ ...request, lock: "cloud", idempotencyKey: "a" })
    const running = start("nothing")
    running.child.stderr?.setEncoding("utf8")
    let stderr = ""
    running.child.stderr?.on("data", (text: string) => (stderr += text))
    while (!stderr.includes("waiting for the lock cloud")) await sleep(20)
    running.child.kill("SIGTERM")
    expect((await running.ended).exit).toBe(143)
    expect(await held()).toEqual(["cloud"])
    expect((await project.store.locks()).find(({ lock }) => lock === "cloud")?.waiting).toBe(0)
    expect(await project.noted()).toEqual([])
  })
})

describe("a lock that is broken in the middle", () => {
  it("ends the effect at the next renewal; its state is kept and named, not put", async () => {
    const running = start("effect")
    const program = await blocked()
    await project.store.break("alcides.state.db", { by: "admin" })
    const { exit, stderr } = await running.ended
    expect(exit).toBe(7)
    expect(await isAlive(program)).toBe(false)
    const kept = /state file db could not be put \(.*\); it is kept in (\S+)/.exec(stderr)?.[1] ?? ""
    expect(await readFile(kept, "utf8")).toBe("changed")
    expect((await stat(kept)).mode & 0o777).toBe(0o600)
    expect(stderr).toContain("before that: net: effect failed: the lease ")
    expect(await project.state("db")).toBe("old")
    expect(await privateFiles()).toEqual([])
    expect(await held()).toEqual([])

    // Going on without it could make things twice: first it is recovered.
    const next = await start("nothing").ended
    expect(next.exit).toBe(7)
    expect(next.stderr).toContain(`hint: look at it, then: alcides state recover --file ${kept}\n`)
    expect((await project.run(["state", "recover", "--file", kept])).exit).toBe(0)
    expect(await project.state("db")).toBe("changed")
    expect((await project.store.history("db"))?.[0]?.message).toMatch(/^effect net \(kept .*, recovered by /)
    expect((await start("nothing").ended).exit).toBe(0)
  })
})

describe("two runs", () => {
  it("of one effect never overlap", async () => {
    await project.pipeline(
      `{ a: mkEffect({ name: "a", state: "db", effect: async (context) => {
        note("begins"); const path = context.stateFile("db").path
        const before = readFileSync(path, "utf8"); await sleep(300); writeFileSync(path, before + "+"); note("ends")
      } }) }`,
    )
    const ends = await Promise.all(Array.from({ length: 3 }, () => start("nothing").ended))
    expect(ends.map(({ exit }) => exit)).toEqual([0, 0, 0])
    expect(await project.noted()).toEqual(Array.from({ length: 3 }, () => ["begins", "ends"]).flat())
    expect(await project.state("db")).toBe("old+++")
  })
})

describe("what an effect does where nothing waits for it", () => {
  it("ends the run, but not before its state is put", async () => {
    await project.pipeline(`{ a: mkEffect({ name: "a", state: "db", effect: async (context) => {
      writeFileSync(context.stateFile("db").path, "half-way")
      void context.run("sh", ["-c", "exit 3"])
      await context.run("sleep", ["60"])
    } }) }`)
    const { exit, stderr } = await start("nothing").ended
    expect(exit).toBe(4)
    expect(stderr).toContain(
      "alcides: a: effect failed: an effect threw where nothing waits for it: sh failed with exit code 3\n",
    )
    expect(stderr).toContain("  hint: look for a promise without await in the effects of this run\n")
    expect(await project.state("db")).toBe("half-way")
    expect(await privateFiles()).toEqual([])
    expect(await held()).toEqual([])
  })

  it("does not let the run end silently when it waits for nothing at all", async () => {
    await project.pipeline(`{ a: mkEffect({ name: "a", timeout: 1, effect: () => new Promise(() => {}) }) }`)
    const { exit, stderr } = await start("nothing").ended
    expect(exit).toBe(4)
    expect(stderr).toContain("alcides: a: effect failed: effect a did not end within 1 s\n")
    expect(await readdir(project.env["TMPDIR"] ?? "")).not.toContain("core")
  })
})
