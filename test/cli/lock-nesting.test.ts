import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { buildCli, type BuiltCli } from "../support/built-cli.ts"
import { cliHome } from "../support/cli-home.ts"
import { runCli } from "../support/io.ts"
import { testProject, type TestProject } from "../support/project.ts"

let cli: BuiltCli
/** The command, as a script types it. */
let alcides: string

beforeAll(async () => {
  cli = await buildCli()
  alcides = `"${process.execPath}" "${cli.path}"`
})
afterAll(() => cli.remove())

describe("inside lock run", () => {
  let folder: string
  let env: Record<string, string>
  beforeEach(async () => {
    const home = await cliHome()
    ;({ folder, env } = home)
    return home.remove
  })

  const put = (text: string, name = "a.json"): string => `echo ${text} | ${alcides} state put --name ${name} --file -`
  const under = async (flags: readonly string[], ...script: readonly string[]) =>
    cli.start(["lock", "run", ...flags, "--", "sh", "-ec", script.join("\n")], { env, cwd: folder }).ended
  const get = async (flags: readonly string[] = []) =>
    (await runCli(["state", "get", "--name", "a.json", "--file", "-", ...flags], { env, cwd: folder })).stdout

  it.each(["alcides.state.a.json", "production"])(
    "of %s, what takes the same lock leaves it to us again",
    async (name) => {
      const done = await under(
        ["--name", name],
        put("one"),
        `${alcides} state prune --name a.json --keep-last 1`,
        `${alcides} lock run --name ${name} --no-wait -- sh -ec '${put("two")}'`,
        put("three"),
      )
      expect(done).toMatchObject({ exit: 0 })
      expect(await get()).toBe("three\n")
    },
  )

  it("of another project, a write is one without a lease, and its lock fences nobody off", async () => {
    const held = ["--project", "github/neat-org/other", "--name", "production"]
    expect((await under(held, put("zero"))).exit).toBe(0)
    for (const text of ["one", "two"]) expect(await under(held, put(text))).toMatchObject({ exit: 0 })
    expect(await under(["--name", "production"], put("three"))).toMatchObject({ exit: 0 })
    expect(await get()).toBe("three\n")
  })

  it("of another store, its lease is not taken for one of this store's", async () => {
    const [from, to] = ["from", "to"].map((name) => pathToFileURL(join(folder, name)).href)
    if (from === undefined || to === undefined) throw new Error("no stores")
    const name = ["--name", "alcides.state.a.json"]
    const done = await under(
      ["--store", from, ...name],
      `${put("one")} --store ${from}`,
      `${alcides} state push --from ${from} --store ${to}`,
      `${put("two")} --store ${to}`,
      `${alcides} lock run --store ${to} --name alcides.state.a.json --no-wait -- sh -ec '${put("three")} --store ${to}'`,
    )
    expect(done).toMatchObject({ exit: 0 })
    expect([await get(["--store", from]), await get(["--store", to])]).toEqual(["one\n", "three\n"])
    // Where it is one of the target's, a pull goes beside it.
    const pull = `${alcides} state pull --no-wait --store ${from} --to ${pathToFileURL(join(folder, "copy")).href}`
    expect(await under(["--store", `file:${folder}/copy`, ...name], pull)).toMatchObject({ exit: 0 })
  })

  it("a script may acquire a lock by itself, and say so as we do", async () => {
    const done = await runCli(["lock", "acquire", "--name", "alcides.state.a.json"], { env, cwd: folder })
    const inside = { ...env, ALCIDES_LOCK_LEASE_ID: done.stdout.trim().toUpperCase() }
    const args = ["state", "put", "--name", "a.json", "--file", "-", "--no-wait"]
    expect((await runCli(args, { env: inside, cwd: folder, input: "one" })).exit).toBe(0)
  })
})

describe("effects", () => {
  let project: TestProject
  beforeEach(async () => {
    project = await testProject()
    return project.remove
  })

  const effect = (fields: string, script: string): string =>
    `{ a: mkEffect({ name: "a", ${fields} effect: async ({ run, log }) => {
         await run("sh", ["-ec", ${JSON.stringify(script)}])
       } }) }`

  it.each(["production", "alcides.state.db"])("take their locks beside that of lock run: %s", async (name) => {
    await project.pipeline(effect(`state: "db", lock: "production",`, "true"))
    const args = ["lock", "run", "--name", name, "--", process.execPath, cli.path, "run", "--no-wait"]
    const { env, repository } = project
    expect(await cli.start(args, { env, cwd: repository.root }).ended).toMatchObject({ exit: 0 })
  })

  it("stop before they begin when the lease around them is over, and refuse what is none", async () => {
    await project.pipeline(effect("", "true"))
    const lease = (await project.run(["lock", "acquire", "--name", "production"])).stdout.trim()
    await project.run(["lock", "release", "--lease-id", lease])
    expect(await project.run(["run"], { env: { ALCIDES_LOCK_LEASE_ID: lease } })).toMatchObject({ exit: 6 })
    const elsewhere = { ALCIDES_LOCK_LEASE_ID: lease, ALCIDES_LOCK_STORE: "file:///elsewhere" }
    expect(await project.run(["run"], { env: elsewhere })).toMatchObject({ exit: 0 })
    expect(await project.run(["run"], { env: { ALCIDES_LOCK_LEASE_ID: "x" } })).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('ALCIDES_LOCK_LEASE_ID is no lease id: "x"'),
    })
  })

  it("tell their programs under which lease they run: all that the effect holds is theirs to take, and no one else's", async () => {
    const script = [
      `echo one | ${alcides} state put --name other --file -`,
      `echo two | ${alcides} state put --no-wait --name db --file -`,
      `${alcides} lock run --name zoo --no-wait -- ${alcides} state prune --no-wait --name db --keep-last 5`,
      `${alcides} lock run --name alcides.effect.a --no-wait -- true`,
      `[ "$HERCULES_CI_LOCK_LEASE_ID" = "$ALCIDES_LOCK_LEASE_ID" ] && [ "$ALCIDES_LOCK_STORE" = "$ALCIDES_STATE" ]`,
      `env -u ALCIDES_LOCK_LEASE_ID -u HERCULES_CI_LOCK_LEASE_ID ${alcides} lock run --name zoo --no-wait -- true || echo $?`,
    ].join("\n")
    await project.pipeline(effect(`state: "db", lock: "zoo",`, script))
    const { exit, stderr } = await project.run(["run", "--json"])
    expect({ exit, stderr }).toMatchObject({ exit: 0, stderr: expect.stringMatching(/^a> 6$/m) })
    expect([await project.state("other"), await project.state("db")]).toEqual(["one\n", "two\n"])
    expect((await project.store.locks()).flatMap(({ leases }) => leases)).toEqual([])
  })
})
