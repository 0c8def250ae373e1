import { createHash } from "node:crypto"
import { appendFile, mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { PassThrough, type Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { beforeEach, describe, expect, it } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { cliHome } from "../support/cli-home.ts"
import { runCli, type CliOptions, type CliResult } from "../support/io.ts"

const project = "github/neat-org/neat-repo"
const name = "nixops-foo.json"

let folder: string
let env: Record<string, string>

beforeEach(async () => {
  const home = await cliHome()
  ;({ folder, env } = home)
  return home.remove
})

const alcides = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(args, { env, cwd: folder, ...options })

const put = async (input: string | Readable, ...flags: string[]): Promise<CliResult> =>
  alcides(["state", "put", "--name", name, "--file", "-", ...flags], { input })

const get = async (...flags: string[]): Promise<CliResult> =>
  alcides(["state", "get", "--name", name, "--file", "-", ...flags])

describe("state put", () => {
  it("writes what comes on the standard input, and says what it wrote", async () => {
    const { exit, stdout, stderr } = await put("{}")
    const sha256 = createHash("sha256").update("{}").digest("hex")
    expect({ exit, stdout, stderr }).toEqual({
      exit: 0,
      stdout: "",
      stderr: `state ${name}: version 1, 2 B, sha256 ${sha256}\n`,
    })
    expect(await get()).toEqual({ exit: 0, stdout: "{}", stderr: "" })
  })

  it("works as in Hercules CI's guide, with the project and the store on the command line", async () => {
    const where = ["--project", "github/other/place", "--store", `file:${folder}/elsewhere`]
    expect((await put("[]", ...where)).exit).toBe(0)
    expect((await get(...where)).stdout).toBe("[]")
    expect((await get()).exit).toBe(1)
  })

  it("prints the version as an object with --json", async () => {
    const { stdout, stderr } = await put("{}", "--json", "--message", "the first")
    expect(stderr).toBe("")
    expect(JSON.parse(stdout)).toMatchObject({ name, version: 1, size: 2, message: "the first" })
  })

  it("refuses an empty input unless it is meant", async () => {
    expect(await put("")).toEqual({
      exit: 1,
      stdout: "",
      stderr: [
        "alcides: the standard input is empty; nothing was written",
        "  hint: did the program that writes it fail? add --allow-empty if an empty state file is meant",
        "",
      ].join("\n"),
    })
    expect((await put("", "--allow-empty")).exit).toBe(0)
    expect(await get()).toMatchObject({ exit: 0, stdout: "" })
  })

  it("goes on top of the version that is named, or not at all", async () => {
    expect((await put("1", "--on-top-of", "absent")).exit).toBe(0)
    expect((await put("2", "--on-top-of", "1")).exit).toBe(0)
    const late = await put("late", "--on-top-of", "1")
    expect(late.exit).toBe(1)
    expect(late.stderr).toContain(`"${name}" was expected at version 1, but is at version 2`)
    expect((await put("late", "--on-top-of", "absent", "--json")).stderr).toContain('"code":"state-conflict"')
    expect((await get()).stdout).toBe("2")
  })

  it("does not bury what someone else wrote while it read its input", async () => {
    await put("1")
    const input = new PassThrough()
    const running = put(input)
    await sleep(300)
    await put("2")
    input.end("exported before")
    const { exit, stderr } = await running
    expect(exit).toBe(1)
    expect(stderr).toContain("was expected at version 1, but is at version 2")
    expect((await get()).stdout).toBe("2")
  })

  it("puts nothing of a file that is changed while it is read", async () => {
    const file = join(folder, "export.json")
    await writeFile(file, Buffer.alloc(64 * 1024 * 1024, "x"))
    const changing = setInterval(() => void appendFile(file, "y"), 1)
    const { exit, stderr } = await alcides(["state", "put", "--name", name, "--file", file, "--json"])
    clearInterval(changing)
    expect(exit).toBe(1)
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: "file-changed",
        message: `${file} was changed while it was read; nothing was put`,
        hint: "put it again when its writer has ended",
      },
    })
    expect((await get()).exit).toBe(1)
  })

  it.each([
    [["--on-top-of", "0"], "version-invalid", '--on-top-of: "0" is no version'],
    [["--on-top-of", "latest"], "version-invalid", '--on-top-of: "latest" is no version'],
    [["--file", "nowhere.json"], "file-not-readable", "nowhere.json cannot be read: it does not exist"],
    [["--file", "/"], "file-not-readable", "/ cannot be read: it is a folder"],
    [["--file", ""], "file-unnamed", "--file names no file"],
    [["--name", "a/b"], "state-name-invalid", '"a/b" is no state name: it contains a slash'],
    [["--name", ".."], "state-name-invalid", '".." is no state name: it contains `..` or is `.`'],
    [["--project", "github/neat-org"], "project-invalid", '"github/neat-org" is no project'],
    [["--store", "ftp://x"], "store-driver-unknown", "there is no driver for ftp: stores in this version"],
    [["--store", ""], "store-url-invalid", '"" is no store URL'],
  ])("refuses %j as a usage error, %s", async (flags, code, message) => {
    const { exit, stderr } = await put("{}", ...flags)
    expect(stderr).toMatch(/^alcides: .*\n {2}hint: .*\n$/)
    expect(JSON.parse((await put("{}", ...flags, "--json")).stderr)).toMatchObject({ error: { code, exit: 2 } })
    expect({ exit, fact: stderr.split("\n")[0] }).toEqual({ exit: 2, fact: `alcides: ${message}` })
    expect((await get()).exit).toBe(1)
  })
})

describe("state get", () => {
  it("writes the file whole, for its owner alone, through a symbolic link too", async () => {
    await put("secret")
    await symlink("real.json", join(folder, "link.json"))
    await writeFile(join(folder, "real.json"), "before", { mode: 0o644 })
    expect(await alcides(["state", "get", "--name", name, "--file", join(folder, "link.json")])).toEqual({
      exit: 0,
      stdout: "",
      stderr: "",
    })
    expect(await readFile(join(folder, "real.json"), "utf8")).toBe("secret")
    expect((await stat(join(folder, "real.json"))).mode & 0o777).toBe(0o600)
  })

  it("gets an older version", async () => {
    await put("1")
    await put("2")
    expect((await get("--version", "1")).stdout).toBe("1")
    const none = await get("--version", "7")
    expect(none).toMatchObject({ exit: 1, stdout: "" })
    expect(none.stderr).toContain(`state file ${name} has no version 7 with content in ${project}`)
    expect(none.stderr).toContain(`hint: the newest is 2; see \`alcides state history --name ${name}\``)
    expect((await get("--version", "7", "--allow-missing")).exit).toBe(1)
  })

  it("says absent with its own code, and what there is instead; no file is touched", async () => {
    const file = join(folder, "out.json")
    await writeFile(file, "before")
    const lonely = await alcides(["state", "get", "--name", name, "--file", file])
    expect(lonely.exit).toBe(1)
    expect(lonely.stderr).toContain(`alcides: there is no state file ${name} in ${project} at file:`)
    expect(lonely.stderr).toContain("hint: there is none at all: check --project and --store")
    await put("1")
    const typo = await alcides(["state", "get", "--name", "nixops-fo.json", "--file", file])
    expect(typo.stderr).toContain(`hint: there is: ${name}`)
    expect(await readFile(file, "utf8")).toBe("before")
    expect((await readdir(folder)).sort()).toEqual(["out.json", "store"])
  })

  it("takes absent for an answer with --allow-missing, and leaves no file of before", async () => {
    const file = join(folder, "out.json")
    await writeFile(file, "before")
    expect(await alcides(["state", "get", "--name", name, "--file", file, "--allow-missing"])).toEqual({
      exit: 0,
      stdout: "",
      stderr: "",
    })
    expect(await readdir(folder)).not.toContain("out.json")
    expect((await get("--allow-missing")).exit).toBe(0)
  })

  it("touches no file when the store's content is damaged", async () => {
    await put("x".repeat(200_000))
    const blobs = (await readdir(join(folder, "store"), { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile() && entry.parentPath.endsWith("blobs"),
    )
    expect(blobs).toHaveLength(1)
    for (const { parentPath, name: blob } of blobs) await writeFile(join(parentPath, blob), "y".repeat(200_000))
    const file = join(folder, "out.json")
    const { exit, stderr } = await alcides(["state", "get", "--name", name, "--file", file])
    expect(exit).toBe(1)
    expect(stderr).toContain("should have the sha256")
    expect((await readdir(folder)).sort()).toEqual(["store"])
  })

  it.each([
    ["nowhere/out.json", "its folder does not exist"],
    [".", "it is a folder"],
  ])("refuses to write to %s", async (file, why) => {
    await put("1")
    const { exit, stderr } = await alcides(["state", "get", "--name", name, "--file", join(folder, file)])
    expect({ exit, stderr }).toEqual({
      exit: 2,
      stderr: `alcides: ${join(folder, file)} cannot be written: ${why}\n  hint: name a file in a folder that exists and that you may write\n`,
    })
    expect(await readdir(folder)).toEqual(["store"])
  })

  it("refuses a version that is no number", async () => {
    expect(await get("--version", "two")).toMatchObject({
      exit: 2,
      stderr: 'alcides: "two" is no version\n  hint: versions count 1, 2, 3 …; `alcides state history` lists them\n',
    })
  })
})

describe("state list, history, rollback and delete", () => {
  it("lists nothing with a word, and files as a table or an array", async () => {
    const none = await alcides(["state", "list"])
    expect(none).toMatchObject({ exit: 0, stdout: "" })
    expect(none.stderr).toContain(`no state files in ${project} at file:`)
    await put("1")
    const [titles, row] = (await alcides(["state", "list"])).stdout.split("\n")
    expect(titles).toMatch(/^NAME +VERSION +SIZE +CREATED +BY$/)
    expect(row).toMatch(/^nixops-foo\.json +1 +1 B +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ +\S+@\S+$/)
    expect(JSON.parse((await alcides(["state", "list", "--json"])).stdout)).toMatchObject([
      { name, versions: 1, current: { version: 1 } },
    ])
    expect(JSON.parse((await alcides(["state", "list", "--json", "--project", "github/a/b"])).stdout)).toEqual([])
  })

  it("shows versions newest first, with what a rollback and a delete did", async () => {
    await put("1", "--message", "the first")
    await put("2")
    const back = await alcides(["state", "rollback", "--name", name, "--to", "1"])
    expect(back.exit).toBe(0)
    expect(back.stderr).toMatch(/^state nixops-foo\.json: version 3, 1 B, sha256 \w{64}, the content of version 1\n$/)
    const gone = await alcides(["state", "delete", "--name", name, "--yes", "--message", "moved"])
    expect(gone).toEqual({ exit: 0, stdout: "", stderr: `state ${name}: version 4, deleted\n` })

    const rows = (await alcides(["state", "history", "--name", name])).stdout.trimEnd().split("\n")
    expect(rows.map((row) => row.trim().split(/ {2,}/).at(0))).toEqual(["VERSION", "4", "3", "2", "1"])
    expect(rows[1]).toMatch(/deleted: moved$/)
    expect(rows[2]).toMatch(/rollback to 1$/)
    expect(rows[4]).toMatch(/the first$/)
    const versions: unknown = JSON.parse((await alcides(["state", "history", "--name", name, "--json"])).stdout)
    expect(versions).toMatchObject([
      { version: 4, deleted: true },
      { version: 3, rollbackOf: 1 },
      { version: 2 },
      { version: 1 },
    ])

    const absent = await get()
    expect(absent).toMatchObject({ exit: 1, stdout: "" })
    expect(absent.stderr).toContain(`alcides: state file ${name} was deleted from ${project}`)
    expect(absent.stderr).toContain(`alcides state rollback --name ${name} --to VERSION`)
    expect((await put("new")).exit).toBe(0)
    expect((await get()).stdout).toBe("new")
  })

  it("says that there is no history, nothing to delete and nothing to go back to", async () => {
    for (const args of [["history"], ["delete", "--yes"]]) {
      const { exit, stderr } = await alcides(["state", ...args, "--name", name, "--json"])
      expect(exit).toBe(1)
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: "state-absent", exit: 1 } })
    }
    await put("1")
    const { exit, stderr } = await alcides(["state", "rollback", "--name", name, "--to", "9", "--json"])
    expect(exit).not.toBe(0)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "state-version-absent" } })
  })

  it("does not delete without a yes", async () => {
    await put("1")
    const { exit, stderr } = await alcides(["state", "delete", "--name", name])
    expect(exit).toBe(2)
    expect(stderr).toContain(`there is no terminal to ask on: delete the state file ${name} (version 1) of ${project}?`)
    expect(stderr).toContain("hint: add --yes to answer it here")
    expect((await get()).stdout).toBe("1")
  })
})

describe("state delete on a terminal", () => {
  it("deletes the version that it asked about, and no later one", async () => {
    await put("1")
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const asked = alcides(["state", "delete", "--name", name], { input })
    await sleep(300)
    await put("2")
    input.write("y\n")
    const { exit, stderr } = await asked
    expect(exit).toBe(1)
    expect(stderr).toContain("delete the state file nixops-foo.json (version 1) of")
    expect(stderr).toContain('alcides: "nixops-foo.json" was expected at version 1, but is at version 2')
    expect((await get()).stdout).toBe("2")
  })
})

describe("while another holds the state file", () => {
  const lock = `alcides.state.${name}`

  it("does not write with --no-wait, and says who holds it", async () => {
    await alcides(["lock", "acquire", "--name", lock, "--description", "a deploy"])
    for (const args of [
      ["put", "--file", "-"],
      ["rollback", "--to", "1"],
    ]) {
      const { exit, stderr } = await alcides(["state", ...args, "--name", name, "--no-wait"], { input: "x" })
      expect(exit).toBe(6)
      expect(stderr).toMatch(
        /^alcides: the lock "alcides\.state\.nixops-foo\.json" was not obtained: it is held by .*\(a deploy\)/,
      )
    }
  })

  it("waits until it is released, and says so", async () => {
    const lease = (await alcides(["lock", "acquire", "--name", lock])).stdout.trim()
    const waiting = put("1")
    await sleep(400)
    expect((await get()).exit).toBe(1)
    await alcides(["lock", "release", "--lease-id", lease])
    const { exit, stderr } = await waiting
    expect(exit).toBe(0)
    expect(stderr).toContain(`waiting for the lock ${lock}; held by `)
    expect((await get()).stdout).toBe("1")
  })

  it("writes beside the lease that the program around it holds", async () => {
    const lease = (await alcides(["lock", "acquire", "--name", lock])).stdout.trim()
    const inside = { ...env, HERCULES_CI_LOCK_LEASE_ID: lease }
    const args = ["state", "put", "--name", name, "--file", "-", "--no-wait"]
    expect((await alcides(args, { env: inside, input: "1" })).exit).toBe(0)
    await alcides(["lock", "release", "--lease-id", lease])
    const { exit, stderr } = await alcides(args, { env: inside, input: "2" })
    expect(exit).toBe(7)
    expect(stderr).toMatch(/is no longer held.*; it is kept in \S+$/m)
  })

  it("gives up waiting when it is interrupted", async () => {
    const lease = (await alcides(["lock", "acquire", "--name", lock])).stdout.trim()
    const stop = new AbortController()
    const waiting = alcides(["state", "put", "--name", name, "--file", "-"], { input: "1", signal: stop.signal })
    await sleep(400)
    stop.abort(new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" }))
    expect(await waiting).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining("alcides: interrupted by SIGINT\n"),
    })
    await alcides(["lock", "release", "--lease-id", lease])
    expect(JSON.parse((await alcides(["lock", "list", "--json"])).stdout)).toEqual([])
  })
})

describe("the store and the project without flags", () => {
  it("come from the pipeline file beside which it runs, relative to that file", async () => {
    const { ALCIDES_STATE: _, ALCIDES_PROJECT: __, ...bare } = env
    const definition = `export default { kind: "pipeline", define: () => ({}), settings: { store: "file:kept", project: "${project}" } }`
    await mkdir(join(folder, "sub", ".git"), { recursive: true })
    await writeFile(join(folder, "sub", "ci.js"), definition)
    await mkdir(join(folder, "sub", "deeper"))
    const args = ["state", "put", "--name", name, "--file", "-"]
    const { exit, stderr } = await alcides(args, { env: bare, cwd: join(folder, "sub", "deeper"), input: "1" })
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(await readdir(join(folder, "sub"))).toContain("kept")
  })

  it("are an error when nobody tells the project", async () => {
    const { ALCIDES_PROJECT: _, ...bare } = env
    const { exit, stderr } = await alcides(["state", "list"], { env: bare })
    expect(exit).toBe(2)
    expect(stderr).toContain("alcides: cannot tell which project this is")
  })

  it("fall back to a folder of this user", async () => {
    const { ALCIDES_STATE: _, ...bare } = env
    const { exit } = await alcides(["state", "put", "--name", name, "--file", "-"], { env: bare, input: "1" })
    expect(exit).toBe(0)
    expect(await readdir(join(folder, ".local", "state", "alcides"))).not.toEqual([])
  })
})
