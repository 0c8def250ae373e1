import { existsSync } from "node:fs"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { EffectContext } from "../../src/effect/effect.ts"
import { mkEffect, type EffectOptions } from "../../src/effect/mk-effect.ts"
import { runEffect, type EffectOutcome, type EffectRun } from "../../src/effect/run-effect.ts"
import { AlcidesError, Exit, usageError } from "../../src/errors.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { openStore } from "../../src/state/open.ts"
import type { StateStore } from "../../src/state/store.ts"
import { fixedRepo } from "../support/repo.ts"
import { unprivileged } from "../state/support/unprivileged.ts"

let folder: string
let store: StateStore
let lines: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-effect-"))
  await chmod(folder, 0o777)
  store = await openStore(pathToFileURL(join(folder, "store")).href, { site: "github", owner: "o", name: "n" })
  lines = []
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const writer = { by: "test" }
const put = (name: string, content: string) =>
  store.put(name, Readable.from([Buffer.from(content)]), { base: "current", writer })
const get = async (name: string): Promise<string | undefined> => {
  const read = await store.get(name)
  return read === undefined ? undefined : text(Readable.from(read.content))
}
const versionOf = async (name: string): Promise<number | undefined> => (await store.history(name))?.[0]?.version

type Fields = Partial<Omit<EffectOptions, "name">>

function run(fields: Fields, more: Partial<EffectRun> = {}): Promise<EffectOutcome> {
  const effect = mkEffect({ name: "deploy", effect: () => {}, ...fields })
  const redactor = more.redactor ?? createRedactor()
  const log = (line: string): void => void lines.push(redactor.redact(line))
  return runEffect({
    effect,
    repo: fixedRepo(),
    src: folder,
    store,
    leases: new Map(),
    secrets: new Map(),
    redactor,
    log: { info: log, warn: (line) => log(`warning: ${line}`), debug: () => {} },
    runner: process.env,
    env: {},
    writer,
    signal: new AbortController().signal,
    privateParent: join(folder, "private"),
    keptFolder: join(folder, "kept"),
    ...more,
  })
}

const phasesOf = ({ phases }: EffectOutcome): readonly string[] =>
  phases.map(({ name, outcome }) => (outcome === "done" ? name : `${name} ${outcome}`))

const failing = (message: string) => (): never => {
  throw new Error(message)
}

const change = async (context: EffectContext): Promise<void> => {
  await writeFile(context.stateFile("db.json").path, "changed")
}

async function filesBelow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true }).catch(() => [])
  return entries.toSorted()
}

describe("phases", () => {
  it("run in their fixed order, putState and its put before effectCheck", async () => {
    const order: string[] = []
    const seen: (string | undefined)[] = []
    const note = (name: string) => async (): Promise<void> => void order.push(name)
    const outcome = await run(
      {
        state: "db.json",
        init: note("init"),
        getState: note("getState"),
        userSetup: [
          { description: "one", secrets: [], run: note("userSetup one") },
          { description: "two", secrets: [], run: note("userSetup two") },
        ],
        priorCheck: note("priorCheck"),
        effect: async (context) => {
          order.push("effect")
          await change(context)
        },
        putState: note("putState"),
        effectCheck: async () => {
          order.push("effectCheck")
          seen.push(await get("db.json"))
        },
      },
      { onPhase: (phase) => order.push(`> ${phase}`) },
    )
    expect(order).toEqual([
      "> init",
      "init",
      "> getState",
      "getState",
      "> userSetup",
      "userSetup one",
      "userSetup two",
      "> priorCheck",
      "priorCheck",
      "> effect",
      "effect",
      "> putState",
      "putState",
      "> effectCheck",
      "effectCheck",
    ])
    expect(seen).toEqual(["changed"])
    expect(outcome).toMatchObject({ error: undefined, state: [{ name: "db.json", from: "absent", to: 1 }] })
    expect(phasesOf(outcome)).toEqual([
      "init",
      "getState",
      "userSetup",
      "priorCheck",
      "effect",
      "putState",
      "effectCheck",
    ])
  })

  it("a priorCheck that fails only warns", async () => {
    const outcome = await run({ priorCheck: failing("not yet reachable") })
    expect(outcome.error).toBeUndefined()
    expect(phasesOf(outcome)).toContain("priorCheck warned")
    expect(lines).toEqual(["warning: priorCheck failed, and the effect goes on: not yet reachable"])
  })

  it.each([
    ["init", { init: failing("boom") }, ["init failed"], Exit.failed],
    ["getState", { getState: failing("boom") }, ["init", "getState failed"], Exit.failed],
    [
      "userSetup",
      { userSetup: [{ description: "x", secrets: [], run: failing("boom") }] },
      ["init", "getState", "userSetup failed", "putState"],
      Exit.failed,
    ],
    [
      "effect",
      { effect: failing("boom") },
      ["init", "getState", "userSetup", "priorCheck", "effect failed", "putState"],
      Exit.notRolledBack,
    ],
    [
      "putState",
      { putState: failing("boom") },
      ["init", "getState", "userSetup", "priorCheck", "effect", "putState failed"],
      Exit.stateAtRisk,
    ],
    [
      "effectCheck",
      { effectCheck: failing("boom") },
      ["init", "getState", "userSetup", "priorCheck", "effect", "putState", "effectCheck failed"],
      Exit.notRolledBack,
    ],
  ] satisfies readonly [string, Fields, string[], number][])(
    "a failure in %s ends the effect; putState runs once getState has succeeded",
    async (phase, fields, phases, exit) => {
      await put("db.json", "old")
      let puts = 0
      const outcome = await run({
        state: "db.json",
        effect: change,
        putState: () => void puts++,
        ...fields,
      })
      expect(phasesOf(outcome)).toEqual(phases)
      expect(outcome.error).toMatchObject({ exit, message: expect.stringContaining("deploy: ") })
      if (phase !== "putState") {
        expect(outcome.error).toMatchObject({ code: "effect-failed", message: `deploy: ${phase} failed: boom` })
        expect(puts).toBe(phases.includes("putState") ? 1 : 0)
      }
      expect(await versionOf("db.json")).toBe(phase === "effectCheck" ? 2 : 1)
    },
  )

  it("puts what a failed effect had changed already", async () => {
    await put("db.json", "old")
    const outcome = await run({
      state: "db.json",
      effect: async (context) => {
        await change(context)
        throw new Error("half-way")
      },
    })
    expect(outcome).toMatchObject({
      error: { message: "deploy: effect failed: half-way", exit: Exit.notRolledBack },
      state: [{ from: 1, to: 2 }],
    })
    expect(await get("db.json")).toBe("changed")
  })

  it("says of one that only reads that nothing was changed", async () => {
    const { error } = await run({ readOnly: true, effect: failing("no route to host") })
    expect(error).toMatchObject({ exit: Exit.failed, message: "deploy: effect failed: no route to host" })
  })

  it("has its secrets checked before any state is fetched", async () => {
    await put("a.json", "before")
    const check = (): never => {
      throw usageError({ code: "secret-field-missing", message: 'secret "aws": field region is missing' })
    }
    const outcome = await run({
      secretsMap: { aws: "neat-aws" },
      state: "a.json",
      userSetup: [{ description: "write it", secrets: ["aws"], check, run: () => {} }],
    })
    expect(outcome.error).toMatchObject({ code: "secret-field-missing", exit: 2 })
    expect(outcome.phases).toEqual([])
    expect(await versionOf("a.json")).toBe(1)
  })

  it("keeps the code, the hint and the detail of what a phase threw, and its exit code as far as it can be true", async () => {
    const mistake = usageError({ code: "field-missing", message: "no field", hint: "add it" })
    const before = await run({ userSetup: [{ description: "x", secrets: [], run: () => Promise.reject(mistake) }] })
    expect(before.error).toMatchObject({ code: "field-missing", hint: "add it", exit: Exit.usage })
    const after = await run({ effect: () => Promise.reject(mistake) })
    expect(after.error).toMatchObject({ code: "field-missing", hint: "add it", exit: Exit.notRolledBack })
    const undone = new AlcidesError({ code: "gone-back", message: "went back", exit: Exit.rolledBack, detail: "log" })
    const back = await run({ effect: () => Promise.reject(undone) })
    expect(back.error).toMatchObject({ code: "gone-back", exit: Exit.rolledBack, detail: "log" })
  })

  it("tells the first failure first, and what followed beside it", async () => {
    const outcome = await run({
      userSetup: [{ description: "x", secrets: [], run: failing("no key") }],
      putState: failing("nothing to export"),
    })
    expect(outcome.error).toMatchObject({
      message: "deploy: userSetup failed: no key",
      detail: "and then: deploy: putState failed: nothing to export",
      exit: Exit.failed,
    })
  })
})

describe("state", () => {
  it("is fetched into a private file, and an unchanged one is not put", async () => {
    await put("db.json", "old")
    let mode = 0
    const outcome = await run({
      state: "db.json",
      effect: async (context) => {
        const file = context.stateFile("db.json")
        expect(file).toMatchObject({ name: "db.json", version: 1 })
        expect(await readFile(file.path, "utf8")).toBe("old")
        mode = (await stat(file.path)).mode & 0o777
        await writeFile(file.path, "old")
      },
    })
    expect(mode).toBe(0o600)
    expect(outcome.state).toEqual([{ name: "db.json", from: 1, to: 1 }])
    expect(await versionOf("db.json")).toBe(1)
  })

  it("is not put by an effect that only reads it", async () => {
    await put("db.json", "old")
    const outcome = await run({ state: { name: "db.json", access: "read" }, effect: change })
    expect(outcome).toMatchObject({ error: undefined, state: [{ from: 1, to: 1 }] })
    expect(await get("db.json")).toBe("old")
  })

  it("refuses an empty file, keeps it, and says where", async () => {
    await put("db.json", "old")
    const outcome = await run({
      state: "db.json",
      effect: (context) => writeFile(context.stateFile("db.json").path, ""),
    })
    expect(outcome.error).toMatchObject({
      code: "state-not-put",
      exit: Exit.stateAtRisk,
      message: expect.stringContaining("the new db.json is empty, and an empty state file is never put"),
      cause: { cause: { code: "state-empty" } },
    })
    expect(await get("db.json")).toBe("old")
  })

  it("puts an empty file where that is meant", async () => {
    await put("db.json", "old")
    const outcome = await run({
      state: { name: "db.json", mayBeEmpty: true },
      effect: (context) => writeFile(context.stateFile("db.json").path, ""),
    })
    expect(outcome).toMatchObject({ error: undefined, state: [{ from: 1, to: 2 }] })
    expect(await get("db.json")).toBe("")
  })

  it("fails before the effect where a file must exist", async () => {
    const outcome = await run({ state: { name: "db.json", onMissing: "fail", missingMeans: "a new network" } })
    expect(phasesOf(outcome)).toEqual(["init", "getState failed"])
    expect(outcome.error).toMatchObject({
      code: "state-missing",
      message:
        "deploy: getState failed: github/o/n has no state file db.json, and the effect forbids to go on without it (a new network)",
    })
  })

  it("keeps the file when somebody wrote in between, and says where and what to do", async () => {
    await put("db.json", "old")
    const outcome = await run({
      state: ["db.json", "other.json"],
      effect: async (context) => {
        await change(context)
        await writeFile(context.stateFile("other.json").path, "other")
        await put("db.json", "somebody else's")
      },
    })
    const [conflict, other] = outcome.state
    const kept = conflict?.kept ?? ""
    expect(await readFile(kept, "utf8")).toBe("changed")
    expect((await stat(kept)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, "kept"))).mode & 0o777).toBe(0o700)
    expect(other).toEqual({ name: "other.json", from: "absent", to: 1 })
    expect(outcome.error).toMatchObject({
      code: "state-not-put",
      exit: Exit.stateAtRisk,
      message: expect.stringContaining(`it is kept in ${kept}`),
      hint: `look at it, then: alcides state recover --file ${kept}`,
    })
    expect(await get("db.json")).toBe("somebody else's")
  })

  it("keeps the file when the lease was lost in the middle", async () => {
    await put("db.json", "old")
    const lock = "alcides.state.db.json"
    const request = { lock, exclusive: true, description: "", holder: writer, ttl: 60, queue: false }
    const answer = await store.acquire({ ...request, idempotencyKey: "a" })
    if (answer.outcome !== "acquired") throw new Error("not acquired")
    const controller = new AbortController()
    const outcome = await run(
      {
        state: "db.json",
        effect: async (context) => {
          await change(context)
          await store.break(lock, { by: "admin" })
          controller.abort(new AlcidesError({ code: "lease-lost", message: "the lease is lost", exit: 6 }))
          await context.run("sleep", ["60"])
        },
      },
      { leases: new Map([["db.json", answer.lease]]), signal: controller.signal },
    )
    expect(outcome.error).toMatchObject({
      code: "state-not-put",
      exit: Exit.stateAtRisk,
      detail: expect.stringContaining("before that: deploy: effect failed: the lease is lost"),
    })
    expect(await readFile(outcome.state[0]?.kept ?? "", "utf8")).toBe("changed")
    expect(await get("db.json")).toBe("old")
  })

  it("keeps all that state is made from when it cannot be brought into its file, but no socket and no pipe", async () => {
    const outcome = await run({
      state: "db.json",
      effect: async (context) => {
        await mkdir(join(context.stateDir, "deep"))
        await writeFile(join(context.stateDir, "deep", "deployments.nixops"), "sqlite", { mode: 0o600 })
        await context.run("mkfifo", [join(context.stateDir, "deep", "pipe")])
        const server = createServer()
        await new Promise<void>((resolve) => server.listen(join(context.stateDir, "deep", "socket"), resolve))
        server.unref()
      },
      putState: failing("nixops export failed"),
    })
    const { message = "" } = outcome.error ?? {}
    expect(outcome.error).toMatchObject({ code: "state-not-put", exit: Exit.stateAtRisk })
    const kept = / is kept in (\S+)$/.exec(message)?.[1] ?? ""
    expect(message).toBe(
      `deploy: putState failed (nixops export failed); what the state is made from is kept in ${kept}`,
    )
    expect(await filesBelow(kept)).toEqual(["deep", "deep/deployments.nixops", "files"])
    expect((await stat(kept)).mode & 0o777).toBe(0o700)
    expect(await readFile(join(kept, "deep", "deployments.nixops"), "utf8")).toBe("sqlite")
    expect(await filesBelow(join(folder, "private"))).toEqual([])
  })

  it("does not remove what can be neither put nor kept", async () => {
    await put("db.json", "old")
    await writeFile(join(folder, "kept"), "in the way of a folder")
    const outcome = await run({
      state: ["db.json", "other.json"],
      effect: async (context) => {
        await writeFile(join(context.home, "secret"), "hunter2")
        await change(context)
        await writeFile(context.stateFile("other.json").path, "other")
        await put("db.json", "somebody else's")
      },
    })
    const left = outcome.state[0]?.kept ?? ""
    expect(outcome.error).toMatchObject({
      code: "state-not-kept",
      exit: Exit.stateAtRisk,
      hint: `copy ${left} to a safe place now, before this machine is cleaned`,
    })
    expect(await readFile(left, "utf8")).toBe("changed")
    expect(await get("other.json")).toBe("other")
    expect((await filesBelow(join(folder, "private"))).filter((path) => /secret|home/.test(path))).toEqual([])

    const whole = await run({ state: "other.json", effect: () => {}, putState: failing("export failed") })
    expect(whole.error).toMatchObject({
      code: "state-not-kept",
      exit: Exit.stateAtRisk,
      message: expect.stringContaining("what the state of deploy is made from could not be kept"),
    })
  })

  it("survives a state file that may not be read any more", async () => {
    const outcome = await unprivileged(() =>
      run({
        state: "db.json",
        effect: async (context) => {
          await change(context)
          await chmod(context.stateFile("db.json").path, 0o000)
        },
      }),
    )
    expect(outcome.error).toMatchObject({ exit: Exit.stateAtRisk, code: "state-not-kept" })
    expect(outcome.state).toMatchObject([{ name: "db.json", from: "absent", to: "absent" }])
  })
})

describe("ends", () => {
  it("end an effect at its timeout, and its state is put all the same", async () => {
    const began = performance.now()
    const outcome = await run({
      state: "db.json",
      timeout: 0.3,
      effect: async (context) => {
        await change(context)
        await context.run("sleep", ["60"])
      },
    })
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(outcome.error).toMatchObject({
      code: "effect-timeout",
      message: "deploy: effect failed: effect deploy did not end within 0.3 s",
      exit: Exit.notRolledBack,
    })
    expect(phasesOf(outcome).slice(-2)).toEqual(["effect failed", "putState"])
    expect(await get("db.json")).toBe("changed")
  })

  it("give way to a priorCheck no more than to any other phase", async () => {
    const outcome = await run({ timeout: 0.2, priorCheck: (context) => context.run("sleep", ["60"]) })
    expect(outcome.error).toMatchObject({
      code: "effect-timeout",
      message: "deploy: priorCheck failed: effect deploy did not end within 0.2 s",
      exit: Exit.failed,
    })
  })

  it("begin anew for effectCheck, when the state is safe", async () => {
    const outcome = await run({
      state: "db.json",
      timeout: 2,
      effect: async (context) => {
        await change(context)
        await context.run("sleep", ["1.1"])
      },
      effectCheck: (context) => context.run("sleep", ["1.1"]),
    })
    expect(outcome.error).toBeUndefined()
    const late = await run({ state: "db.json", timeout: 0.3, effectCheck: (context) => context.run("sleep", ["60"]) })
    expect(late.error).toMatchObject({
      code: "effect-timeout",
      message: "deploy: effectCheck failed: effect deploy did not end within 0.3 s",
    })
    expect(await get("db.json")).toBe("changed")
  })

  it("do not reach putState", async () => {
    const controller = new AbortController()
    const outcome = await run(
      {
        state: "db.json",
        effect: async (context) => {
          controller.abort(new AlcidesError({ code: "terminated", message: "ended by SIGTERM" }))
          await context.run("sleep", ["60"])
        },
        putState: async (context) => {
          const { stdout } = await context.run("echo", ["exported"])
          await writeFile(context.stateFile("db.json").path, stdout)
        },
      },
      { signal: controller.signal },
    )
    expect(outcome.error).toMatchObject({ code: "terminated", exit: Exit.notRolledBack })
    expect(await get("db.json")).toBe("exported\n")
  })

  it("leave no private folder and no process behind, not even a daemon", async () => {
    const pids: number[] = []
    const outcome = await run({
      effect: async (context) => {
        await writeFile(join(context.home, "token"), "hunter2")
        const { stdout } = await context.run("sh", ["-c", "setsid sleep 60 > /dev/null 2>&1 & echo $!"])
        pids.push(Number(stdout))
      },
    })
    expect(outcome.error).toBeUndefined()
    expect(await filesBelow(join(folder, "private"))).toEqual([])
    const [pid] = pids
    const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z")
    expect(state).toMatch(/\) [ZX]/)
  })

  it("remove folders that the effect made read-only", async () => {
    await unprivileged(() =>
      run({
        effect: async (context) => {
          await mkdir(join(context.home, "go", "mod"), { recursive: true })
          await writeFile(join(context.home, "go", "mod", "a.go"), "")
          await chmod(join(context.home, "go", "mod"), 0o500)
          await chmod(join(context.home, "go"), 0o500)
        },
      }),
    )
    expect(await filesBelow(join(folder, "private"))).toEqual([])
    expect(lines).toEqual([])
  })

  it("refuse a private folder that is somebody else's, or a link", async () => {
    const privateParent = join(folder, "shared")
    await mkdir(privateParent, { mode: 0o755 })
    await expect(run({}, { privateParent })).rejects.toMatchObject({
      code: "private-folder-unsafe",
      message: `${privateParent} is no folder of this user alone`,
    })
  })
})

describe("the context", () => {
  it("gives granted secrets and declared files, and nothing else", async () => {
    const secrets = new Map([["aws", new Secret({ key: "hunter22" })]])
    const outcome = await run(
      {
        effect: (context) => {
          expect(context.secret("aws").reveal()).toEqual({ key: "hunter22" })
          expect(() => context.secret("awz")).toThrow(
            expect.objectContaining({ code: "secret-not-granted", message: 'effect deploy has no secret "awz"' }),
          )
          expect(() => context.stateFile("db.json")).toThrow(
            expect.objectContaining({
              code: "state-file-not-declared",
              message: 'effect deploy does not list the state file "db.json"',
            }),
          )
        },
      },
      { secrets },
    )
    expect(outcome.error).toBeUndefined()
  })

  it("refuses a secret as an argument, but not what only says where or who", async () => {
    const secrets = new Map([["aws", new Secret({ key: "hunter22", region: "eu-west-1" })]])
    const effect = async (context: EffectContext): Promise<void> => {
      await context.run("true", ["--region=eu-west-1"])
      await context.run("echo", ["--password=hunter22"])
    }
    const outcome = await run({ secretsMap: { aws: "aws" }, effect }, { secrets })
    expect(outcome.error).toMatchObject({
      code: "secret-in-argument",
      message: "deploy: effect failed: effect deploy would give a secret to echo as an argument",
    })
    expect(lines).toEqual([])
  })

  it("shows output, keeps quiet when told, and shares variables among phases", async () => {
    const redactor = createRedactor()
    redactor.add("hunter22")
    const stdout: string[] = []
    await run(
      {
        userSetup: [{ description: "x", secrets: [], run: (context) => context.setEnv("TOKEN", "hunter22") }],
        effect: async (context) => {
          stdout.push((await context.run("sh", ["-c", "echo $TOKEN; echo $TOKEN >&2"])).stdout)
          stdout.push((await context.run("sh", ["-c", "echo quiet; echo loud >&2"], { output: "quiet" })).stdout)
          stdout.push((await context.run("sh", ["-c", "echo $ONE"], { env: { ONE: "once" } })).stdout)
          stdout.push((await context.run("cat", [], { input: new Secret("hunter22"), output: "quiet" })).stdout)
          await context.run("sh", ["-c", "echo out"], { outputFile: "out.txt" })
          await mkdir(join(folder, "sub"))
          await context.run("cat", [], { inputFile: "../out.txt", outputFile: "copy.txt", cwd: "sub" })
        },
      },
      { redactor },
    )
    expect(stdout).toEqual(["hunter22\n", "quiet\n", "once\n", "hunter22"])
    expect(lines.toSorted()).toEqual(["***", "***", "loud", "once"])
    expect(await readFile(join(folder, "sub", "copy.txt"), "utf8")).toBe("out\n")
    expect(existsSync(join(folder, "out.txt"))).toBe(true)
  })

  it("tells a phase that it must end", async () => {
    const controller = new AbortController()
    const outcome = await run(
      {
        effect: async ({ signal }) => {
          setTimeout(() => controller.abort(new Error("over")), 50)
          await sleep(60_000, undefined, { signal })
        },
      },
      { signal: controller.signal },
    )
    expect(outcome.error).toMatchObject({ message: "deploy: effect failed: over" })
  })
})
