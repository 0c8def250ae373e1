import { execFileSync } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { keyPair, type KeyPair } from "../../state/support/age.ts"
import { runCli, type CliResult } from "../../support/io.ts"

const [alice, bob] = await Promise.all([keyPair(), keyPair()])
const planted = "planted private key"
const name = "nixops-foo.json"
let folder: string
let env: Record<string, string>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-encryption-"))
  env = { HOME: folder, ALCIDES_STATE: `file:${folder}/store`, ALCIDES_PROJECT: "github/neat-org/neat-repo" }
  await Promise.all([keyFile("alice.txt", [alice]), keyFile("bob.txt", [bob]), keyFile("both.txt", [alice, bob])])
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const keyFile = (file: string, keys: readonly KeyPair[]): Promise<void> =>
  writeFile(join(folder, file), keys.map(({ identity }) => `${identity}\n`).join(""), { mode: 0o600 })

const cli = (args: readonly string[], more: Record<string, string> = {}, input = ""): Promise<CliResult> =>
  runCli(args, { env: { ...env, ...more }, cwd: folder, input })

const put = (args: readonly string[] = [], more: Record<string, string> = {}): Promise<CliResult> =>
  cli(["state", "put", "--name", name, "--file", "-", ...args], more, planted)

const get = (args: readonly string[] = [], more: Record<string, string> = {}): Promise<CliResult> =>
  cli(["state", "get", "--name", name, "--file", "-", ...args], more)

async function stored(): Promise<readonly string[]> {
  const paths = await readdir(join(folder, "store"), { recursive: true })
  return paths.filter((path) => /\/blobs\/[^/]+$/.test(path)).map((path) => join(folder, "store", path))
}

test("put encrypts, get decrypts, and the age program opens what lies in the store", async () => {
  expect(await put(["--recipient", alice.recipient, "--recipient", bob.recipient])).toMatchObject({ exit: 0 })
  expect((await get(["--identity", "bob.txt"])).stdout).toBe(planted)
  expect((await get([], { ALCIDES_AGE_IDENTITY_FILE: "alice.txt" })).stdout).toBe(planted)
  expect((await get([], { ALCIDES_AGE_IDENTITY: alice.identity })).stdout).toBe(planted)
  const [blob = ""] = await stored()
  expect(execFileSync("age", ["-d", "-i", join(folder, "alice.txt"), blob], { encoding: "utf8" })).toBe(planted)
  expect(await get()).toMatchObject({
    exit: 1,
    stdout: "",
    stderr: expect.stringContaining(`no identity here can read it; it is for ${alice.recipient}, ${bob.recipient}`),
  })
})

test("in clear on top of it is refused, and said how to mean it", async () => {
  await put([], { ALCIDES_AGE_RECIPIENTS: alice.recipient })
  const refused = await put()
  expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining("this would store it in clear") })
  expect(refused.stderr).toContain("--in-clear")
  expect(await put(["--in-clear"], { ALCIDES_AGE_RECIPIENTS: alice.recipient })).toMatchObject({ exit: 0 })
  expect((await get()).stdout).toBe(planted)
})

test("history and list say what is encrypted, once something is", async () => {
  await put()
  expect((await cli(["state", "history", "--name", name])).stdout).not.toContain("ENCRYPTED")
  expect((await cli(["state", "list"])).stdout).not.toContain("ENCRYPTED")
  await put(["--recipient", alice.recipient])
  await put(["--recipient", `${alice.recipient},${bob.recipient}`])
  await cli(["state", "delete", "--name", name, "--yes"])
  await cli(["state", "rollback", "--name", name, "--to", "2"])
  const rows = (await cli(["state", "history", "--name", name])).stdout.split("\n")
  expect(rows[0]).toMatch(/ENCRYPTED/)
  expect(rows.slice(1, 6).map((row) => /for \d keys?|\bno\b/.exec(row)?.[0])).toEqual([
    "for 1 key",
    undefined,
    "for 2 keys",
    "for 1 key",
    "no",
  ])
  expect((await cli(["state", "list"])).stdout).toMatch(/ENCRYPTED[^]*for 1 key/)
  const json: unknown = JSON.parse((await cli(["state", "history", "--name", name, "--json"])).stdout)
  expect(json).toMatchObject([{ encrypted: { recipients: [alice.recipient] } }, {}, {}, {}, {}])
})

test("rekey takes a key out of use", async () => {
  await put()
  await put(["--recipient", alice.recipient])
  const args = ["state", "rekey", "--name", name, "--identity", "both.txt", "--recipient", bob.recipient]
  expect((await cli([...args, "--dry-run"])).stderr).toBe(`state ${name}: would encrypt 2 versions (1-2)\n`)
  expect((await get(["--version", "1"])).stdout).toBe(planted)
  expect(await cli(args)).toEqual({ exit: 0, stdout: "", stderr: `state ${name}: encrypted 2 versions (1-2)\n` })
  for (const version of ["1", "2"]) {
    expect((await get(["--version", version, "--identity", "bob.txt"])).stdout).toBe(planted)
    expect((await get(["--version", version, "--identity", "alice.txt"])).exit).toBe(1)
  }
  expect((await cli(args)).stderr).toBe(`state ${name}: nothing to rekey, 2 so already\n`)
  expect((await cli(["lock", "list"])).stdout).toBe("")
})

test("--all takes the deleted along and leaves Alcides' own records; --in-clear decrypts; --json tells", async () => {
  await put()
  await cli(["state", "delete", "--name", name, "--yes"])
  await cli(["state", "put", "--name", "alcides.deployed.x.json", "--file", "-"], {}, "{}")
  const keys = { ALCIDES_AGE_RECIPIENTS: alice.recipient, ALCIDES_AGE_IDENTITY: alice.identity }
  const done = await cli(["state", "rekey", "--all", "--json"], keys)
  expect(JSON.parse(done.stdout)).toEqual([{ name, changed: [1], unchanged: 0 }])
  const back = await cli(["state", "rekey", "--all", "--in-clear"], { ALCIDES_AGE_IDENTITY: alice.identity })
  expect(back).toEqual({ exit: 0, stdout: "", stderr: `state ${name}: decrypted 1 version (1)\n` })
  expect((await get(["--version", "1"])).stdout).toBe(planted)
})

test.each([
  [[], "neither --name nor --all was given"],
  [["--all"], "no recipient is configured"],
  [["--all", "--recipient", alice.recipient], "none of the identities here could read"],
  [["--all", "--name", "x"], "cannot be used with"],
  [["--name", "x", "--recipient", "AGE-SECRET-KEY-1PLANTED"], "--recipient: this is a secret identity"],
])("rekey %j is a usage error", async (args, message) => {
  const { exit, stderr } = await cli(["state", "rekey", ...args])
  expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining(message) })
  expect(stderr).not.toContain("PLANTED")
})

test("nothing encrypted is in clear anywhere on the disk, nor a key in anything that is printed", async () => {
  const keys = { ALCIDES_AGE_RECIPIENTS: alice.recipient, ALCIDES_AGE_IDENTITY: alice.identity, TMPDIR: folder }
  const results = [
    await put([], keys),
    await put(["--json"], keys),
    await cli(["state", "rekey", "--all", "--recipient", bob.recipient, "--identity", "bob.txt"], keys),
    await cli(["state", "history", "--name", name, "--json"], keys),
  ]
  expect(results.map(({ exit }) => exit)).toEqual([0, 0, 0, 0])
  expect(JSON.stringify(results)).not.toMatch(/AGE-SECRET-KEY|planted/)
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) {
    const content = await readFile(join(file.parentPath, file.name))
    expect([file.name, content.includes(planted)]).toEqual([file.name, false])
    if (!file.name.endsWith(".txt")) expect(content.includes("AGE-SECRET-KEY")).toBe(false)
  }
})

test("the pipeline file names recipients, and the environment others", async () => {
  await writeFile(
    join(folder, "ci.ts"),
    `import { pipeline } from "alcides"\nexport default pipeline({}, { encryption: { recipients: ["${alice.recipient}"] } })\n`,
  )
  await put()
  await put([], { ALCIDES_AGE_RECIPIENTS: bob.recipient })
  await put(["--on-top-of", "2"], {
    IN_ALCIDES_EFFECT: "true",
    ALCIDES_AGE_RECIPIENTS: `${alice.recipient} ${bob.recipient}`,
  })
  const json: unknown = JSON.parse((await cli(["state", "history", "--name", name, "--json"])).stdout)
  expect(json).toMatchObject([
    { encrypted: { recipients: [alice.recipient, bob.recipient] } },
    { encrypted: { recipients: [bob.recipient] } },
    { encrypted: { recipients: [alice.recipient] } },
  ])
  await writeFile(
    join(folder, "ci.ts"),
    `import { pipeline } from "alcides"\nexport default pipeline({}, { encryption: { recipients: ["age1mistyped"] } })\n`,
  )
  expect(await put()).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining("ci.ts: encryption.recipients[0]: this is a public key that is mistyped"),
  })
})
