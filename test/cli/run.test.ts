import { readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as z from "zod"
import { testProject, type TestProject } from "../support/project.ts"

let project: TestProject
beforeEach(async () => {
  project = await testProject()
})
afterEach(() => project.remove())

const reportSchema = z.looseObject({
  exit: z.int(),
  effects: z.array(
    z.looseObject({
      id: z.string(),
      status: z.string(),
      because: z.string(),
      error: z.optional(z.looseObject({ code: z.string() })),
    }),
  ),
})

async function report(args: readonly string[] = []) {
  const { stdout, exit, stderr } = await project.run(["run", "--json", ...args])
  const parsed = reportSchema.parse(JSON.parse(stdout))
  expect(parsed.exit).toBe(exit)
  return { ...parsed, stderr, of: Object.fromEntries(parsed.effects.map((effect) => [effect.id, effect])) }
}

const statuses = ({ effects }: z.infer<typeof reportSchema>): Readonly<Record<string, string>> =>
  Object.fromEntries(effects.map(({ id, status }) => [id, status]))

// Everything in the store, but for what a look at its clock leaves.
async function storeFiles(): Promise<readonly string[]> {
  const root = join(project.env["XDG_STATE_HOME"] ?? "", "alcides")
  return (await readdir(root, { recursive: true }).catch(() => [])).toSorted()
}

const effect = (name: string, body = `note("${name}")`, fields = ""): string =>
  `mkEffect({ name: "${name}", ${fields} effect: async (context) => { ${body} } })`

describe("alcides run", () => {
  it("runs what should run, and says so", async () => {
    await project.pipeline(`{
      a: runIf(repo.ref === "refs/heads/production", ${effect("a")}),
      b: runIf(repo.ref === "refs/heads/other", ${effect("b")}),
    }`)
    const { exit, stdout, stderr } = await project.run(["run"])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" })
    const lines = stdout.split("\n").map((line) => line.trimEnd())
    expect(lines[0]).toMatch(/^EFFECT +RESULT +TIME +STATE +WHY$/)
    expect(lines[1]).toMatch(/^a +succeeded +\d+ ms/)
    expect(lines[2]).toMatch(/^b +not run +repo\.ref === "refs\/heads\/other" is false \(ci\.ts:\d+\)$/)
    expect(await project.noted()).toEqual(["a"])
  })

  it("keeps the order of `after`, and skips what comes after a failure", async () => {
    await project.pipeline(`{
      last: ${effect("last", 'note("last")', 'after: "second",')},
      second: ${effect("second", 'await sleep(100); note("second")', 'after: ["first", "beside"],')},
      first: ${effect("first", 'await sleep(150); note("first")')},
      beside: ${effect("beside")},
      broken: ${effect("broken", 'throw new Error("no")')},
      never: ${effect("never", 'note("never")', 'after: "broken",')},
      neither: ${effect("neither", 'note("neither")', 'after: "never",')},
    }`)
    const found = await report()
    expect(await project.noted()).toEqual(["beside", "first", "second", "last"])
    expect(found.exit).toBe(4)
    expect(found.of).toMatchObject({
      broken: { status: "failed", because: "broken: effect failed: no", error: { code: "effect-failed", exit: 4 } },
      never: { status: "skipped", because: "it comes after broken, which did not succeed" },
      neither: { status: "skipped", because: "it comes after never, which was skipped" },
      last: { status: "succeeded" },
    })
  })

  it("runs an effect whose predecessor's condition is false", async () => {
    await project.pipeline(`{ a: runIf(false, ${effect("a")}), b: ${effect("b", 'note("b")', 'after: "a",')} }`)
    expect(statuses(await report())).toEqual({ a: "not run", b: "succeeded" })
  })

  it("runs effects side by side, but never two that share a state file or a lock", async () => {
    const busy = (name: string, fields = ""): string =>
      effect(name, `note("${name} begins"); await sleep(200); note("${name} ends")`, fields)
    await project.pipeline(`{
      a: ${busy("a", 'state: "db",')}, b: ${busy("b", 'state: "db",')},
      c: ${busy("c", 'lock: "cloud",')}, d: ${busy("d", 'lock: { name: "cloud", shared: true },')},
      e: ${busy("e", 'lock: { name: "cloud", shared: true },')}, f: ${busy("f")},
      g: ${busy("g", 'state: { name: "shared", access: "read" },')},
      h: ${busy("h", 'state: { name: "shared", access: "read" },')},
    }`)
    expect((await report()).exit).toBe(0)
    const noted = await project.noted()
    const at = (line: string): number => noted.indexOf(line)
    const overlap = (x: string, y: string): boolean =>
      at(`${x} begins`) < at(`${y} ends`) && at(`${y} begins`) < at(`${x} ends`)
    expect(overlap("a", "b")).toBe(false)
    expect(overlap("c", "d")).toBe(false)
    expect(overlap("c", "e")).toBe(false)
    expect(overlap("d", "e")).toBe(true)
    expect(overlap("a", "f")).toBe(true)
    expect(overlap("c", "f")).toBe(true)
    expect(overlap("g", "h")).toBe(true)
  })

  it("runs only what --only names, by name or place, if its condition holds", async () => {
    await project.pipeline(
      `{ x: { y: ${effect("a")} }, b: ${effect("b")}, c: runIf(false, ${effect("c")}), d: ${effect("d")} }`,
    )
    expect(statuses(await report(["--only", "a,c", "--only", "d"]))).toEqual({
      "x.y": "succeeded",
      b: "not run",
      c: "not run",
      d: "succeeded",
    })
    expect((await project.noted()).toSorted()).toEqual(["a", "d"])
    expect((await project.run(["run", "--only", ""])).exit).toBe(2)
    expect((await project.run(["run", "--only", "z"])).stderr).toContain('the pipeline has no effect "z"')
    expect((await project.noted()).length).toBe(2)
  })

  it("changes nothing in a dry run", async () => {
    await project.put("db", "old")
    const before = await storeFiles()
    await project.pipeline(`{ a: ${effect("a", 'note("a")', 'state: ["db", "new"],')} }`)
    const { exit, stdout, stderr } = await project.run(["run", "--dry-run"])
    expect(exit).toBe(0)
    expect(stdout).toContain("a: runs")
    expect(stderr).toBe("dry run: nothing to build, and no effect was run\n")
    expect(await project.noted()).toEqual([])
    expect(await storeFiles()).toEqual(before)
  })

  it("makes no store only to plan", async () => {
    await project.pipeline(`{ a: ${effect("a", 'note("a")', 'state: "db",')} }`)
    expect((await project.run(["plan"])).exit).toBe(0)
    expect((await project.run(["run", "--dry-run"])).exit).toBe(0)
    expect(await storeFiles()).toEqual([])
  })

  it("puts state, and says how it changed", async () => {
    await project.put("db", "old")
    await project.pipeline(`{
      a: ${effect("a", 'writeFileSync(context.stateFile("db").path, "new"); writeFileSync(context.stateFile("made").path, "1")', 'state: ["db", "made", "same"],')},
    }`)
    const { stdout } = await project.run(["run"])
    expect(stdout).toContain("db 1 → 2, made created, same unchanged")
    expect(await project.state("db")).toBe("new")
    expect((await project.store.history("db"))?.[0]).toMatchObject({
      message: "effect a",
      writer: { rev: project.repository.git("rev-parse", "HEAD") },
    })
  })
})

describe("locks of others", () => {
  const hold = async (lock: string) => {
    const request = {
      lock,
      exclusive: true,
      description: "a long deploy",
      holder: { by: "bob" },
      ttl: 60,
      queue: false,
    }
    const answer = await project.store.acquire({ ...request, idempotencyKey: lock })
    if (answer.outcome !== "acquired") throw new Error("not acquired")
    return answer.lease
  }

  it("--no-wait says who holds it, and exits with 6", async () => {
    await project.pipeline(`{ a: ${effect("a", 'note("a")', 'state: "db",')} }`)
    await hold("alcides.state.db")
    const { exit, stderr } = await project.run(["run", "--no-wait"])
    expect(exit).toBe(6)
    expect(stderr).toMatch(
      /^alcides: the lock "alcides\.state\.db" was not obtained: it is held by bob \(a long deploy\) since /,
    )
    expect(await project.noted()).toEqual([])
    expect((await project.store.locks()).map(({ lock }) => lock)).toEqual(["alcides.state.db"])
  })

  it("waits otherwise, says for whom, and goes on", async () => {
    await project.pipeline(`{ a: ${effect("a", 'note("a")', 'lock: "cloud",')} }`)
    const { id } = await hold("cloud")
    const running = project.run(["run"])
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await project.noted()).toEqual([])
    await project.store.release(id)
    const { exit, stderr } = await running
    expect(exit).toBe(0)
    expect(stderr).toMatch(/^a: waiting for the lock cloud: held by bob \(a long deploy\) since /)
    expect(await project.noted()).toEqual(["a"])
  })

  it("can be ended while it waits, and leaves the queue", async () => {
    await project.pipeline(`{ a: ${effect("a", 'note("a")', 'lock: "cloud",')} }`)
    await hold("cloud")
    const controller = new AbortController()
    const running = project.run(["run"], { signal: controller.signal })
    await new Promise((resolve) => setTimeout(resolve, 500))
    controller.abort(new Error("over"))
    expect((await running).exit).toBe(1)
    const locks = await project.store.locks()
    expect(locks.map(({ lock, leases, waiting }) => [lock, leases.length, waiting])).toEqual([["cloud", 1, 0]])
  })
})

describe("older commits", () => {
  it("do not deploy over newer ones: superseded, exit 0, nothing changed", async () => {
    const older = project.repository.git("rev-parse", "HEAD")
    const newer = project.repository.commit()
    await project.pipeline(`{
      a: ${effect("a", 'note(repo.rev ?? ""); writeFileSync(context.stateFile("db").path, repo.rev ?? "")', 'state: "db",')},
      b: ${effect("b", 'note("b")', 'after: "a",')},
    }`)
    expect((await report(["--only", "a"])).exit).toBe(0)
    project.repository.git("checkout", "--quiet", older)
    const args = ["--branch", "production"]
    const found = await report(args)
    const because = `${older.slice(0, 7)} is older than ${newer.slice(0, 7)}, which was deployed already`
    expect(found).toMatchObject({
      exit: 0,
      of: {
        a: { status: "superseded", because },
        b: { status: "skipped", because: "it comes after a, which was superseded" },
      },
    })
    const plan = await project.run(["plan", ...args])
    expect(plan.stdout).toMatch(new RegExp(`^a: would be superseded\\n.*\\n  newer    ${because}$`, "m"))
    expect(plan.stdout).toMatch(/^b: would be skipped\n.*\n  skipped  it comes after a, which would be superseded$/m)
    expect(plan.stdout).toContain("then 0 effects of 2.")
    expect((await project.run(["run", ...args])).stderr).toContain(
      "to deploy an older commit on purpose: alcides run --allow-older\n",
    )
    expect(await project.state("db")).toBe(newer)
    expect(await project.noted()).toEqual([newer])
    expect(await project.store.history("db")).toHaveLength(1)
    expect(statuses(await report([...args, "--allow-older"]))).toEqual({ a: "succeeded", b: "succeeded" })
    expect(await project.state("db")).toBe(older)
  })
})

describe("exit codes", () => {
  it.each([
    ["0: nothing to do", "{}", 0],
    [
      "1: failed, nothing changed",
      `{ a: mkEffect({ name: "a", init: () => { throw new Error("x") }, effect: () => {} }) }`,
      1,
    ],
    ["2: a mistake of the user's", `{ a: mkEffect({ name: "a", state: { name: "../x" }, effect: () => {} }) }`, 2],
    ["2: a secret without a file", `{ a: mkEffect({ name: "a", secretsMap: { x: "y" }, effect: () => {} }) }`, 2],
    [
      "3: failed and rolled back",
      `{ a: mkEffect({ name: "a", effect: () => { throw new AlcidesError({ code: "went-back", message: "x", exit: 3 }) } }) }`,
      3,
    ],
    ["4: failed, and not rolled back", `{ a: ${effect("a", 'throw new Error("x")')}, b: ${effect("b")} }`, 4],
    [
      "5: some succeeded",
      `{ a: mkEffect({ name: "a", init: () => { throw new Error("x") }, effect: () => {} }), b: ${effect("b")} }`,
      5,
    ],
    [
      "7: state at risk, whatever else there is",
      `{ a: ${effect("a", 'writeFileSync(context.stateFile("db").path, "")', 'state: "db",')}, b: ${effect("b", 'throw new Error("x")')}, c: ${effect("c")} }`,
      7,
    ],
  ])("%s", async (_, tree, exit) => {
    await project.pipeline(tree)
    expect((await project.run(["run"])).exit).toBe(exit)
    expect((await project.store.locks()).filter(({ leases }) => leases.length > 0)).toEqual([])
  })
})

describe("what wrong input gets: a fact, a hint, exit 2, nothing changed", () => {
  it.each([
    ["an unknown flag", "usage", "{}", ["run", "--dryrun"], "unknown option '--dryrun'", "did you mean --dry-run?"],
    [
      "no such pipeline file",
      "pipeline-missing",
      "{}",
      ["run", "-f", "x.ts"],
      "there is no file x.ts",
      "name the pipeline file with --file",
    ],
    [
      "no such effect",
      "effect-unknown",
      `{ a: ${effect("a")} }`,
      ["effect", "run", "b"],
      'the pipeline has no effect "b"',
      "it has a",
    ],
    [
      "no such schedule",
      "schedule-unknown",
      "{}",
      ["run", "--on-schedule", "nightly"],
      'the pipeline has no scheduled job "nightly"',
      /no onSchedule jobs/,
    ],
    [
      "two refs",
      "ref-flags-conflict",
      "{}",
      ["run", "--branch", "a", "--tag", "b"],
      "--branch and --tag were both given",
      "name the ref once",
    ],
    [
      "a short ref",
      "ref-invalid",
      "{}",
      ["run", "--ref", "main"],
      '--ref: "main" is no full ref',
      /write --ref refs\/heads/,
    ],
    [
      "no project",
      "project-invalid",
      "{}",
      ["run", "--project", "a/b"],
      '"a/b" is no project',
      /write SITE\/OWNER\/REPO/,
    ],
    [
      "no store",
      "store-driver-unknown",
      "{}",
      ["run", "--store", "ftp://x"],
      "there is no driver for ftp: stores in this version",
      /this version opens/,
    ],
    [
      "a pipeline that throws",
      "pipeline-failed",
      `(() => { throw new Error("boom") })()`,
      ["run"],
      /^ci\.ts:8:\d+: boom$/,
      "the pipeline threw this; nothing was run",
    ],
    [
      "a pipeline that is no tree",
      "pipeline-tree-invalid",
      `[]`,
      ["run"],
      /^ci\.ts: the pipeline is a list/,
      /return effects/,
    ],
    [
      "an option that is none",
      "effect-invalid",
      `{ a: mkEffect({ name: "a", effects: () => {} } as never) }`,
      ["run"],
      /^ci\.ts:8:\d+: effect a: /,
      /docs\/effects\/mk-effect/,
    ],
    [
      "a circle",
      "after-cycle",
      `{ a: ${effect("a", "", 'after: "b",')}, b: ${effect("b", "", 'after: "a",')} }`,
      ["run"],
      "ci.ts: effects wait for each other: a after b after a",
      "take one `after` away",
    ],
    [
      "an unknown predecessor",
      "after-unknown",
      `{ a: ${effect("a", "", 'after: "b",')} }`,
      ["run"],
      'ci.ts: a comes after "b", and its job has no such effect',
      "its job has a",
    ],
    [
      "two of one name",
      "effect-name-taken",
      `{ a: ${effect("x")}, b: ${effect("x")} }`,
      ["run"],
      'ci.ts: a and b are both named "x"',
      /give each effect a name of its own/,
    ],
    [
      "a state name with a slash",
      "state-name-invalid",
      `{ a: ${effect("a", "", 'state: "a/b",')} }`,
      ["run"],
      /"a\/b" is no state name: it contains a slash$/,
      /plain file name/,
    ],
    [
      "a missing program",
      "input-missing",
      `{ a: ${effect("a", "", 'inputs: ["no-such-program"],')} }`,
      ["run"],
      "a needs no-such-program, which is not on PATH",
      /install no-such-program/,
    ],
    [
      "a missing folder",
      "src-missing",
      `{ a: ${effect("a", "", 'src: "/no/such/folder",')} }`,
      ["run"],
      "a: the folder /no/such/folder is not there",
      /existing folder/,
    ],
    [
      "unknown is no condition",
      "condition-invalid",
      `{ a: runIf(repo.isDefaultBranch as boolean, ${effect("a")}) }`,
      ["run"],
      /the condition of a is "unknown", not true or false$/,
      /compare: repo\.isDefaultBranch === true/,
    ],
  ])("%s", async (_, code, tree, args, message, hint) => {
    await project.pipeline(tree)
    const { exit, stdout, stderr } = await project.run(args)
    const [first = "", second = "", ...rest] = stderr.split("\n")
    expect({ exit, stdout, rest }).toEqual({ exit: 2, stdout: "", rest: [""] })
    const matches = (expected: string | RegExp): unknown =>
      typeof expected === "string" ? expected : expect.stringMatching(expected)
    expect(first.replace(/^alcides: /, "")).toEqual(matches(message))
    expect(second.replace(/^ {2}hint: /, "")).toEqual(matches(hint))
    const json = await project.run([...args, "--json"])
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code, exit: 2 } })
    expect(await storeFiles()).toEqual([])
    expect(await project.noted()).toEqual([])
  })

  it("a syntax error, no pipeline at all, and no export", async () => {
    expect(await project.run(["run"])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining("no pipeline file in"),
    })
    await project.pipeline("{{ ")
    expect(await project.run(["run"])).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(/^alcides: ci\.ts:\d+:\d+: /),
    })
  })

  it("a malformed secrets.json, with its line and path", async () => {
    await project.pipeline(`{ a: mkEffect({ name: "a", secretsMap: { x: "y" }, effect: () => {} }) }`)
    await project.secrets('{\n  "y": { "kind": "Secret", "data": {}, "condition": { "isBranch": 1 } }\n}')
    const { exit, stderr } = await project.run(["run"])
    expect(exit).toBe(2)
    expect(stderr).toMatch(/^alcides: \S+\/secrets\.json:2:\d+: y\.condition/)
    await project.secrets("{")
    expect(await project.run(["run"])).toMatchObject({ exit: 2, stderr: expect.stringMatching(/secrets\.json:1:\d+/) })
  })
})

describe("secrets", () => {
  const value = "hunter2-hunter2-hunter2"
  const granted = { kind: "Secret", data: { password: value }, condition: { isBranch: "production" } }

  it("are granted by condition, and a refused one fails its effect and says no more", async () => {
    await project.secrets({ y: granted, z: { ...granted, condition: { isBranch: "other" } } })
    const read = (name: string): string =>
      `mkEffect({ name: "${name}", secretsMap: { mine: "${name}" }, effect: ({ secret }) => note(JSON.stringify(secret("mine").reveal())) })`
    await project.pipeline(`{ y: ${read("y")}, z: ${read("z")}, absent: ${read("absent")} }`)
    const found = await report()
    expect(statuses(found)).toEqual({ y: "succeeded", z: "failed", absent: "failed" })
    expect(found.of["z"]?.because.replaceAll('"z"', '"absent"')).toBe(found.of["absent"]?.because)
    expect(await project.noted()).toEqual([JSON.stringify(granted.data)])
  })

  it.each([
    ["success", ""],
    ["failure", "throw new Error('no entry with ' + password)"],
    ["a failing program", "await context.run('sh', ['-c', 'cat; cat >&2; exit 3'], { input: password })"],
    ["state at risk", "writeFileSync(context.stateFile('db').path, '')"],
    ["a secret as an argument", "await context.run('echo', [password])"],
  ])("never appear, nor stay in any file: %s", async (_, body) => {
    await project.secrets({ y: granted })
    await project.pipeline(`{
      a: mkEffect({ name: "a", secretsMap: { y: "y" }, state: "db", passEnv: ["DEPLOY_TOKEN"],
        effect: async (context) => {
          const password = String(context.secret("y").reveal()["password"])
          writeFileSync(context.home + "/password", password)
          context.log.info("it is " + password + " or " + encodeURIComponent(password))
          await context.run("sh", ["-c", "cat $HOME/password; base64 $HOME/password; echo $DEPLOY_TOKEN; tee $TMPDIR/copy < $HOME/password >&2"])
          note("reached")
          ${body}
        },
      }),
    }`)
    for (const json of [[], ["--json"]]) {
      const { stdout, stderr } = await project.run(["run", ...json], { env: { DEPLOY_TOKEN: "t0ken-of-the-runner" } })
      const base64 = Buffer.from(value).toString("base64").slice(0, 24)
      for (const text of [stdout, stderr]) {
        for (const planted of [value, base64, "t0ken-of-the-runner"]) expect(text).not.toContain(planted)
      }
      expect(stderr).toContain("a> it is *** or ***")
      // What could not be put would stop the next run.
      for (const path of await project.files()) if (path.includes("/alcides/kept/")) await rm(path)
    }
    expect(await project.noted()).toEqual(["reached", "reached"])
    const found: string[] = []
    for (const path of await project.files()) {
      if (!path.endsWith("/secrets.json") && (await readFile(path, "utf8")).includes(value)) found.push(path)
    }
    expect(found).toEqual([])
    expect((await project.files()).filter((path) => path.startsWith(project.env["TMPDIR"] ?? ""))).toEqual([])
  })
})
