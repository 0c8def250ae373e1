import { spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { copyFile, mkdir, readFile, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { PassThrough } from "node:stream"
import { beforeEach, describe, expect, it } from "vitest"
import { keyPair } from "../../state/support/age.ts"
import { cliHome } from "../../support/cli-home.ts"
import { runCli, type CliOptions, type CliResult } from "../../support/io.ts"

const project = "github/neat-org/neat-repo"
const name = "nixops-foo.json"

let folder: string
let env: Record<string, string>

beforeEach(async () => {
  const home = await cliHome()
  ;({ folder, env } = home)
  return home.remove
})

const state = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(["state", ...args], { env, cwd: folder, ...options })

const put = (input: CliOptions["input"], ...flags: string[]): Promise<CliResult> =>
  state(["put", "--name", name, "--file", "-", ...flags], input === undefined ? {} : { input })

const get = async (): Promise<string> => (await state(["get", "--name", name, "--file", "-"])).stdout

const history = async (): Promise<unknown> => JSON.parse((await state(["history", "--name", name, "--json"])).stdout)

// The store can be read, but nothing can be written to it.
async function breakStore(): Promise<void> {
  await rename(join(folder, "store", "tmp"), join(folder, "tmp-of-store"))
  await writeFile(join(folder, "store", "tmp"), "in the way of a folder")
}

async function repairStore(): Promise<void> {
  await rm(join(folder, "store", "tmp"))
  await rename(join(folder, "tmp-of-store"), join(folder, "store", "tmp"))
}

const keptIn = (stderr: string): string => / it is kept in (\S+)$/m.exec(stderr)?.[1] ?? ""

async function keepOne(text: string, ...flags: string[]): Promise<string> {
  await breakStore()
  const { exit, stderr } = await put(text, ...flags)
  expect(exit).toBe(7)
  await repairStore()
  return keptIn(stderr)
}

describe("a state put that the store cannot take", () => {
  it("keeps the input, says where, and exits with 7", async () => {
    await put("1")
    await breakStore()
    const { exit, stderr } = await put("2", "--message", "a second machine", "--json")
    expect(exit).toBe(7)
    const { error } = JSON.parse(stderr)
    expect(error).toMatchObject({
      code: "state-not-put",
      message: expect.stringMatching(
        /^state file nixops-foo\.json could not be put \(the state store .*\); it is kept in \S+$/,
      ),
      hint: expect.stringMatching(/^when the store works again: alcides state recover --file \S+$/),
    })
    const kept = keptIn(`${error.message}\n`)
    expect(await readFile(kept, "utf8")).toBe("2")
    for (const path of [kept, `${kept}.kept`]) expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(JSON.parse(await readFile(`${kept}.kept`, "utf8"))).toMatchObject({
      name,
      project,
      base: 1,
      message: "a second machine",
      why: expect.stringMatching(/^store-/),
    })
  })

  it("keeps the input when the lease around the command is lost: whoever wrote it may not be able to do it again", async () => {
    await put("1")
    const lost = { ...env, ALCIDES_LOCK_LEASE_ID: randomUUID() }
    const { exit, stderr } = await state(["put", "--name", name, "--file", "-", "--json"], { env: lost, input: "2" })
    expect(exit).toBe(7)
    const { error } = JSON.parse(stderr)
    expect(error).toMatchObject({ code: "state-not-put", hint: expect.stringMatching(/^alcides state recover --file/) })
    expect(await get()).toBe("1")
    expect((await state(["recover", "--file", keptIn(`${error.message}\n`)])).exit).toBe(0)
    expect(await get()).toBe("2")
  })

  it("keeps what a file held as well: a CI's folders vanish", async () => {
    await put("1")
    await breakStore()
    await writeFile(join(folder, "export.json"), "2")
    const { stderr } = await state(["put", "--name", name, "--file", "export.json"])
    await rm(join(folder, "export.json"))
    expect(await readFile(keptIn(stderr), "utf8")).toBe("2")
  })

  it("keeps it also when the store could not even say what is current", async () => {
    await put("1")
    const marker = join(folder, "store", "alcides-store.json")
    await rename(marker, join(folder, "marker"))
    await mkdir(marker)
    const input = new PassThrough()
    const running = put(input)
    input.end("2")
    const { exit, stderr } = await running
    expect(exit).toBe(7)
    const kept = keptIn(stderr)
    expect(JSON.parse(await readFile(`${kept}.kept`, "utf8"))).not.toHaveProperty("base")
    await rmdir(marker)
    await rename(join(folder, "marker"), marker)
    const refused = await state(["recover", "--file", kept, "--json"])
    expect(refused.exit).toBe(7)
    expect(JSON.parse(refused.stderr)).toMatchObject({
      error: {
        code: "state-kept-base-unknown",
        message: `${kept} does not say which version of "${name}" it was made from, and the store has 1`,
      },
    })
    expect((await state(["recover", "--file", kept, "--on-top-of", "1"])).exit).toBe(0)
    expect(await get()).toBe("2")
  })

  it("keeps nothing of what was refused, or never read", async () => {
    await put("1")
    expect((await put("2", "--on-top-of", "absent")).exit).toBe(1)
    expect((await put("")).exit).toBe(1)
    expect((await state(["recover", "--list"])).stderr).toBe("nothing is kept on this machine\n")
    expect((await state(["recover"])).stderr).toBe("nothing is kept on this machine that could be put\n")
  })

  it("says so when it can be neither put nor kept", async () => {
    await put("1")
    await breakStore()
    await writeFile(join(folder, "file"), "")
    const { exit, stderr } = await put("2", "--json").then(() =>
      state(["put", "--name", name, "--file", "-", "--json"], {
        input: "2",
        env: { ...env, XDG_STATE_HOME: join(folder, "file") },
      }),
    )
    expect(exit).toBe(7)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "state-not-kept" } })
  })

  it("leaves nothing of a pipe's content where it was read to", async () => {
    const before = await readdir(folder)
    await put("secret")
    expect((await readdir(folder)).filter((entry) => !before.includes(entry))).toEqual(["store"])
    const nowhere = { ...env, TMPDIR: join(folder, "nowhere") }
    const { exit, stderr } = await state(["put", "--name", name, "--file", "-", "--json"], { env: nowhere, input: "x" })
    expect(exit).toBe(1)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "state-not-spooled" } })
  })

  it.skipIf(process.platform !== "linux")("reads what is no plain file but once", async () => {
    const pipe = join(folder, "pipe")
    spawnSync("mkfifo", [pipe])
    const writing = writeFile(pipe, "from a pipe")
    expect((await state(["put", "--name", name, "--file", pipe])).exit).toBe(0)
    await writing
    expect(await get()).toBe("from a pipe")
  })
})

describe("state recover", () => {
  it("puts it on top of what it was made from, tells whose it is, and removes what was kept", async () => {
    await put("1")
    const kept = await keepOne("2", "--message", "a second machine")
    const { exit, stdout, stderr } = await state(["recover", "--file", kept])
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: "" })
    expect(stderr).toBe(`state ${name}: ${kept} put as version 2; the kept file is removed\n`)
    expect(await get()).toBe("2")
    expect(await history()).toMatchObject([
      { version: 2, message: expect.stringMatching(/^a second machine \(kept 20\S+Z, recovered by \S+@\S+\)$/) },
      { version: 1 },
    ])
    expect(await readdir(dirname(kept))).toEqual([])
    expect((await runCli(["lock", "list", "--json"], { env, cwd: folder })).stdout).toBe("[]\n")
  })

  it("finds it by its name, or by itself, in the store that it was for", async () => {
    await put("1")
    await keepOne("2")
    const elsewhere = { ...env, ALCIDES_STATE: `file:${folder}/other`, ALCIDES_PROJECT: "github/other/place" }
    const unanswered = await state(["recover"], { env: elsewhere })
    expect(unanswered.exit).toBe(2)
    expect(unanswered.stderr).toContain("there is no terminal to ask on: put 1 kept state files: ")
    const { exit, stdout } = await state(["recover", "--yes", "--json"], { env: elsewhere })
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject([{ name, version: { version: 2 }, already: false }])
    await keepOne("3")
    expect((await state(["recover", "--name", name], { env: elsewhere })).exit).toBe(0)
    expect(await get()).toBe("3")
  })

  it("refuses when somebody wrote in between, and keeps it", async () => {
    await put("1")
    const kept = await keepOne("2")
    await put("in between")
    const { exit, stderr } = await state(["recover", "--name", name, "--json"])
    expect(exit).toBe(7)
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: "state-conflict",
        message: expect.stringContaining(`was expected at version 1, but is at version 2`),
        hint: expect.stringContaining(`alcides state recover --file ${kept} --on-top-of VERSION`),
      },
    })
    expect(await readFile(kept, "utf8")).toBe("2")
    expect(await get()).toBe("in between")
    expect((await state(["recover", "--file", kept, "--on-top-of", "2"])).exit).toBe(0)
    expect(await get()).toBe("2")
  })

  it("recognises what is in the store already, also when others have written on top of it", async () => {
    await put("1")
    const kept = await keepOne("2")
    for (const path of [kept, `${kept}.kept`]) await copyFile(path, join(folder, path === kept ? "copy" : "copy.kept"))
    const restore = async (): Promise<void> => {
      await copyFile(join(folder, "copy"), kept)
      await copyFile(join(folder, "copy.kept"), `${kept}.kept`)
    }
    await state(["recover", "--file", kept])
    // As after a crash between the put and the removing.
    await restore()
    const { exit, stderr } = await state(["recover", "--file", kept])
    expect({ exit, stderr }).toEqual({
      exit: 0,
      stderr: `state ${name}: ${kept} is in the store already, as version 2; the kept file is removed\n`,
    })
    await put("3")
    await restore()
    await rm(kept)
    expect((await state(["recover", "--list"])).stderr).toBe("nothing is kept on this machine\n")
    await restore()
    expect((await state(["recover", "--file", kept])).stderr).toContain("is in the store already, as version 2")
    expect(await history()).toHaveLength(3)
    expect(await get()).toBe("3")
  })

  it("does not take an old version of the same content for what was kept", async () => {
    await put("2")
    await put("1")
    const kept = await keepOne("2")
    expect((await state(["recover", "--file", kept])).stderr).toContain("put as version 3")
    expect(await get()).toBe("2")
    await state(["delete", "--name", name, "--yes"])
    const again = await keepOne("2", "--on-top-of", "absent")
    expect((await state(["recover", "--file", again])).stderr).toContain("put as version 5")
  })

  it("puts nothing that is damaged", async () => {
    await put("1")
    const kept = await keepOne("2")
    await writeFile(kept, "3")
    const { exit, stderr } = await state(["recover", "--file", kept, "--json"])
    expect(exit).toBe(7)
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: "state-kept-damaged",
        message: expect.stringContaining(`${kept} was kept with 1 bytes and the sha256 d4735e`),
      },
    })
    expect(await readFile(kept, "utf8")).toBe("3")
    expect(await history()).toHaveLength(1)
  })

  it("keeps it as long as the store does not work", async () => {
    await put("1")
    await breakStore()
    const kept = keptIn((await put("2")).stderr)
    const { exit, stderr } = await state(["recover", "--file", kept])
    expect(exit).toBe(7)
    expect(stderr).toContain(`; ${kept} stays where it is\n`)
    expect(await readFile(kept, "utf8")).toBe("2")
  })

  it("puts an empty file only when that is meant", async () => {
    await put("1")
    const kept = await keepOne("", "--allow-empty")
    const { exit, stderr } = await state(["recover", "--file", kept, "--json"])
    expect(exit).toBe(7)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "state-empty" } })
    expect((await state(["recover", "--file", kept, "--allow-empty"])).exit).toBe(0)
    expect(await get()).toBe("")
  })

  it("leaves encrypted what was encrypted, also where nothing else says for whom", async () => {
    const { identity, recipient } = await keyPair()
    expect((await put("1", "--recipient", recipient)).exit).toBe(0)
    const kept = await keepOne("2", "--recipient", recipient)
    expect((await readFile(kept, "utf8")).startsWith("age-encryption.org/v1\n")).toBe(true)
    const unable = await state(["recover", "--file", kept, "--json"])
    expect(unable.exit).toBe(1)
    expect(JSON.parse(unable.stderr)).toMatchObject({ error: { code: "state-identity-missing" } })
    const able = { ...env, ALCIDES_AGE_IDENTITY: identity }
    const { exit, stdout } = await state(["recover", "--file", kept, "--json"], { env: able })
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject([{ version: { version: 2, encrypted: { recipients: [recipient] } } }])
    expect((await state(["get", "--name", name, "--file", "-"], { env: able })).stdout).toBe("2")
  })

  it("keeps and puts in clear what was meant to be", async () => {
    const { recipient } = await keyPair()
    await put("1")
    const kept = await keepOne("2", "--recipient", recipient, "--in-clear")
    expect(await readFile(kept, "utf8")).toBe("2")
    expect((await state(["recover", "--file", kept, "--recipient", recipient])).exit).toBe(0)
    expect(await get()).toBe("2")
  })

  it("waits for the state file's lock, or not", async () => {
    await put("1")
    const kept = await keepOne("2")
    await runCli(["lock", "acquire", "--name", `alcides.state.${name}`], { env, cwd: folder })
    const { exit, stderr } = await state(["recover", "--file", kept, "--no-wait"])
    expect(exit).toBe(6)
    expect(stderr).toContain(`the lock "alcides.state.${name}" was not obtained`)
    expect(await readFile(kept, "utf8")).toBe("2")
  })

  it("shows what is kept on this machine", async () => {
    await put("1")
    const kept = await keepOne("2")
    const folderOfProject = dirname(kept)
    const bare = join(folderOfProject, "2026-01-02T03-04-05-678Z-old.json")
    await writeFile(bare, "old")
    const { stdout } = await state(["recover", "--list"])
    const lines = stdout.split("\n")
    expect(lines[0]).toMatch(/^PROJECT +NAME +BASE +KEPT +WHY +SIZE +PLACE$/)
    expect(lines[1]).toMatch(new RegExp(`^ +old\\.json +\\? +2026-01-02T03:04:05Z +${bare}$`))
    expect(lines[2]).toMatch(new RegExp(`^${project} +nixops-foo\\.json +1 +\\S+Z +store-\\w+ +1 B +${kept}$`))
    expect(JSON.parse((await state(["recover", "--list", "--json"])).stdout)).toMatchObject([
      { path: bare, kind: "file", name: "old.json" },
      { path: kept, kind: "file", name, project, base: 1, why: expect.stringMatching(/^store-/), size: 1 },
    ])
    expect(JSON.parse((await state(["recover", "--list", "--json", "--name", name])).stdout)).toHaveLength(1)
  })

  it("wants to be told what a file is that an earlier version kept", async () => {
    await put("1")
    const kept = await keepOne("2")
    await rm(`${kept}.kept`)
    const { exit, stderr } = await state(["recover", "--file", kept, "--json"])
    expect(exit).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "state-kept-incomplete" } })
    expect((await state(["recover", "--file", kept, "--name", name, "--on-top-of", "1"])).exit).toBe(0)
    expect(await get()).toBe("2")
  })

  it("puts all that it can, and says what it cannot", async () => {
    await put("1")
    const first = await keepOne("2")
    await state(["put", "--name", "other.json", "--file", "-"], { input: "1" })
    await breakStore()
    const other = keptIn((await state(["put", "--name", "other.json", "--file", "-"], { input: "2" })).stderr)
    await repairStore()
    await put("in between")
    const bare = join(dirname(first), "2026-01-02T03-04-05-678Z-old.json")
    await writeFile(bare, "old")
    const { exit, stderr } = await state(["recover", "--yes"])
    expect(exit).toBe(2)
    expect(stderr).toContain(`state other.json: ${other} put as version 2`)
    expect(stderr).toContain(`alcides: ${bare} lies there without the file beside it`)
    expect(stderr).toContain(`  | and: "${name}" was expected at version 1, but is at version 2`)
    const several = await state(["recover", "--on-top-of", "2", "--yes"])
    expect(several.exit).toBe(2)
    expect(several.stderr).toContain("--on-top-of was given, but 2 files are kept")
  })

  it.each([
    [["--file", "nowhere"], "state-kept-unknown", "no file is kept at nowhere"],
    [["--name", "nothing.json"], "state-kept-unknown", "nothing of nothing.json is kept here"],
    [["--on-top-of", "0"], "version-invalid", '--on-top-of: "0" is no version'],
  ])("refuses %j as a usage error, %s", async (flags, code, message) => {
    const { exit, stderr } = await state(["recover", ...flags, "--json"])
    expect(exit).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code, message } })
  })

  it("does not put one state file under the name of another", async () => {
    await put("1")
    const kept = await keepOne("2")
    const { exit, stderr } = await state(["recover", "--file", kept, "--name", "other.json"])
    expect(exit).toBe(2)
    expect(stderr).toContain(`${kept} is of the state file ${name}, not of other.json`)
  })

  it("keeps beside a store that is not there yet, which can still be made", async () => {
    const { ALCIDES_STATE: _, ...bare } = env
    const nowhere = { ...bare, ALCIDES_STATE: `file://${folder}/nowhere?create=never` }
    expect(
      (await put("1").then(() => state(["put", "--name", name, "--file", "-"], { env: nowhere, input: "1" }))).exit,
    ).toBe(7)
    expect((await state(["put", "--name", name, "--file", "-"], { env: bare, input: "1" })).exit).toBe(0)
  })
})
