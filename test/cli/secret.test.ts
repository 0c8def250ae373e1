import { execFileSync } from "node:child_process"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Io } from "../../src/cli/io.ts"
import { createProgram } from "../../src/cli/program.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { type CliOptions, type CliResult, runCli } from "../support/io.ts"

const project = "github/neat-org/neat-repo"
let folder = ""
let env: Record<string, string> = {}
let file = ""

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-secret-"))
  env = { PATH: process.env["PATH"] ?? "", HOME: folder, ALCIDES_PROJECT: project }
  file = join(folder, ".config/alcides/secrets/github/neat-org/secrets.json")
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function secret(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCli(["secret", ...args], { env, cwd: folder, ...options })
}

// What the command throws: the two lines that a person reads have no code.
async function failureOf(args: readonly string[], input = ""): Promise<unknown> {
  const io: Io = {
    env,
    cwd: folder,
    stdin: Readable.from([Buffer.from(input)]),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    signal: new AbortController().signal,
    redactor: createRedactor(),
    exit: () => {},
  }
  const program = await createProgram(io, { words: ["secret"], help: false })
  return program.parseAsync(["secret", ...args], { from: "user" }).then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function write(content: string, mode = 0o600): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
  await chmod(file, mode)
}

async function readJson(): Promise<unknown> {
  return JSON.parse(await readFile(file, "utf8"))
}

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

describe("init-local", () => {
  test("makes an empty file that only we can read", async () => {
    expect(await secret(["init-local"])).toEqual({ exit: 0, stdout: "", stderr: `secrets file created: ${file}\n` })
    expect(await readFile(file, "utf8")).toBe("{}\n")
    expect([await modeOf(file), await modeOf(dirname(file))]).toEqual(["600", "700"])
  })

  test("leaves a file alone that is there", async () => {
    await write('{"a": 1}')
    expect(await secret(["init-local"])).toMatchObject({ exit: 0, stderr: `secrets file already there: ${file}\n` })
    expect(await readFile(file, "utf8")).toBe('{"a": 1}')
  })

  test("takes the project from the flag, and the place from --secrets", async () => {
    const { stderr } = await secret(["init-local", "--project", "gitlab/a/b"])
    expect(stderr).toBe(`secrets file created: ${folder}/.config/alcides/secrets/gitlab/a/secrets.json\n`)
    expect(await secret(["init-local", "--secrets", "here/s.json"])).toMatchObject({ exit: 0 })
    expect(await modeOf(join(folder, "here/s.json"))).toBe("600")
  })

  test("says why it cannot", async () => {
    await writeFile(join(folder, "plain"), "")
    expect(await secret(["init-local", "--secrets", "plain/s.json"])).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(
        /^alcides: cannot make .*plain\/s\.json: \w+: .*\n {2}hint: give --secrets FILE in a folder that you may write\n$/,
      ),
    })
    expect(await failureOf(["init-local", "--secrets", "plain/s.json"])).toMatchObject({
      code: "secrets-file-not-writable",
    })
    env["ALCIDES_SECRETS"] = "{}"
    expect(await secret(["init-local"])).toMatchObject({
      exit: 2,
      stderr:
        "alcides: ALCIDES_SECRETS holds the secrets themselves, so there is no file to write\n  hint: unset it, or give --secrets FILE\n",
    })
    expect(await failureOf(["init-local"])).toMatchObject({ code: "secrets-not-a-file" })
  })

  test("needs a project when nothing says which file", async () => {
    delete env["ALCIDES_PROJECT"]
    const { exit, stderr } = await secret(["init-local"])
    expect(exit).toBe(2)
    expect(stderr).toContain("cannot tell which project this is")
  })
})

describe("add", () => {
  test("puts an entry as Hercules CI's hci does", async () => {
    await write("{}")
    const { exit, stderr } = await secret(["add", "netlify", "--string", "token", "t0ken-value"])
    expect(exit).toBe(0)
    expect(stderr).toBe(
      `warning: --string shows the value to everybody who lists processes, and to the shell's history; prefer --password, --string-file or --string-env\nsecret netlify added to ${file}\n`,
    )
    expect(await readJson()).toEqual({
      netlify: {
        kind: "Secret",
        data: { token: "t0ken-value" },
        condition: { and: [{ isOwner: "neat-org" }, { isRepo: "neat-repo" }, "isDefaultBranch"] },
      },
    })
    expect(await modeOf(file)).toBe("600")
    expect(await readdir(dirname(file))).toEqual(["secrets.json"])
  })

  test("merges every kind of input at the leaves", async () => {
    await write("{}", 0o644)
    await writeFile(join(folder, "key"), "line 1\nline 2\n")
    await writeFile(join(folder, "db.json"), '{"port": 5432, "tls": {"on": true}}')
    Object.assign(env, { TOKEN: "from-env", LIST: "[1, 2]" })
    const args = [
      "add",
      "app",
      "--string-file",
      "key",
      "key",
      "--json-file",
      "db",
      "db.json",
      "--string-env=token",
      "TOKEN",
    ]
    const more = ["--json-env", "db.list", "LIST", "--json", "db.tls.off", "null", "--password", "db.password"]
    const { exit, stderr } = await secret([...args, ...more, "--condition", '{"isBranch": "production"}'], {
      input: " piped-password \nnot this\n",
    })
    expect({ exit, stderr }).toMatchObject({
      exit: 0,
      stderr: expect.stringContaining("Enter value for db.password in secret app: \n"),
    })
    expect(await readJson()).toEqual({
      app: {
        kind: "Secret",
        data: {
          key: "line 1\nline 2\n",
          db: { port: 5432, tls: { on: true, off: null }, list: [1, 2], password: "piped-password" },
          token: "from-env",
        },
        condition: { isBranch: "production" },
      },
    })
    expect(await modeOf(file)).toBe("600")
  })

  test("leaves every other byte of the file as it was", async () => {
    const before = '{ "10": {"kind":"Secret", "data": {"n": 1.0}},\n\n  "broken": 3 '
    await write(`${before} }\n\n`)
    expect(await secret(["add", "2", "--password", "t"], { input: "value" })).toMatchObject({ exit: 0 })
    const text = await readFile(file, "utf8")
    expect(text.startsWith(`${before.trimEnd()},\n  "2": {`)).toBe(true)
    expect(Object.keys(JSON.parse(text))).toEqual(["2", "10", "broken"])
  })

  test("a value may look like an option", async () => {
    await write("{}")
    expect(await secret(["add", "--string", "a", "--help", "--string", "b", "--", "x"])).toMatchObject({ exit: 0 })
    expect(await readJson()).toMatchObject({ x: { data: { a: "--help", b: "--" } } })
  })

  test("works in Hercules CI's own file when there is no other", async () => {
    const hercules = join(folder, ".config/hercules-ci/secrets/github/neat-org/secrets.json")
    await mkdir(dirname(hercules), { recursive: true })
    await writeFile(hercules, "{}")
    expect(await secret(["add", "a", "--password", "t"], { input: "value" })).toMatchObject({
      exit: 0,
      stderr: expect.stringContaining(`secret a added to ${hercules}\n`),
    })
  })

  const mistakes: readonly (readonly [code: string, args: readonly string[], message: string, hint: string])[] = [
    [
      "option-incomplete",
      ["--string"],
      "--string takes PATH and TEXT, and PATH and TEXT are missing",
      "write --string PATH TEXT",
    ],
    [
      "option-incomplete",
      ["--json-file", "a"],
      "--json-file takes PATH and FILE, and FILE is missing",
      "write --json-file PATH FILE",
    ],
    [
      "option-incomplete",
      ["--string-env=a"],
      "--string-env takes PATH and VARIABLE, and VARIABLE is missing",
      "write --string-env PATH VARIABLE",
    ],
    ["option-incomplete", ["--password"], "--password takes PATH, and PATH is missing", "write --password PATH"],
    [
      "field-path-invalid",
      ["--string", "a..b", "s3cret"],
      '"a..b" is no path of a field',
      'write names with dots between them, such as database.password; for a name with a dot in it use --json . \'{"a.b": "…"}\'',
    ],
    [
      "field-path-invalid",
      ["--string", 'a."b"', "s3cret"],
      '"a.\\"b\\"" is no path of a field',
      'write names with dots between them, such as database.password; for a name with a dot in it use --json . \'{"a.b": "…"}\'',
    ],
    [
      "secret-data-missing",
      [],
      "a secret needs data, and none was given",
      "add --password PATH, --string-file PATH FILE, --string-env PATH VARIABLE or another data option",
    ],
    [
      "secret-data-invalid",
      ["--json", "a", "s3cret"],
      "--json: the value for a is no JSON",
      "a text is written with --string",
    ],
    [
      "secret-data-invalid",
      ["--json-env", ".", "BAD"],
      "--json-env: the value for the data is no JSON",
      "a text is written with --string-env",
    ],
    [
      "secret-data-invalid",
      ["--json", ".", '["s3cret"]'],
      "the data of a secret must be an object of fields",
      "give each value a path, such as --password token",
    ],
    [
      "secret-data-invalid",
      ["--string", "", "s3cret"],
      "the data of a secret must be an object of fields",
      "give each value a path, such as --password token",
    ],
    [
      "secret-data-conflict",
      ["--string", "a", "s3cret", "--string", "a.b", "c"],
      "two values are given for a",
      "give each field once",
    ],
    [
      "secret-data-conflict",
      ["--json", "a", '{"b": 1}', "--string", "a.b", "s3cret"],
      "two values are given for a.b",
      "give each field once",
    ],
    [
      "secret-input-unreadable",
      ["--string-env", "a", "NOPE"],
      '--string-env: there is no environment variable "NOPE"',
      "give its name without a dollar sign, and export it",
    ],
    [
      "condition-malformed",
      ["--condition", "main", "--string", "a", "s3cret"],
      '--condition: expected an object, "isDefaultBranch", "isTag", true or false, got "main"',
      'write JSON, such as \'{"isBranch": "production"}\' or \'"isDefaultBranch"\'',
    ],
    [
      "condition-malformed",
      ["--condition", '{"and": [{"isBranch": 1}]}', "--string", "a", "s3cret"],
      "--condition: and[0].isBranch: expected a string, got a number",
      'write JSON, such as \'{"isBranch": "production"}\' or \'"isDefaultBranch"\'',
    ],
    ["commander.unknownOption", ["--strng", "a", "b"], "unknown option '--strng'", "did you mean --string?"],
  ]

  test.each(mistakes)("%s: %j", async (code, args, message, hint) => {
    await write("{}")
    env["BAD"] = "{s3cret"
    const { exit, stdout, stderr } = await secret(["add", "name", ...args])
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" })
    expect(stderr.replace(/^warning: .*\n/, "")).toBe(`alcides: ${message}\n  hint: ${hint}\n`)
    expect(stderr).not.toContain("s3cret")
    expect(await failureOf(["add", "name", ...args])).toMatchObject({ code })
    expect(await readFile(file, "utf8")).toBe("{}")
  })

  test("refuses files that are no text", async () => {
    await write("{}")
    await writeFile(join(folder, "binary"), Buffer.from([0xff, 0xfe, 0x00]))
    expect((await secret(["add", "x", "--string-file", "a", "none"])).stderr).toBe(
      `alcides: --string-file: cannot read ${folder}/none: ENOENT: no such file or directory, open '${folder}/none'\n  hint: name a text file that you may read\n`,
    )
    expect((await secret(["add", "x", "--string-file", "a", "binary"])).stderr).toBe(
      `alcides: --string-file: cannot read ${folder}/binary: it is not UTF-8 text\n  hint: name a text file that you may read\n`,
    )
  })

  test.each([
    ["", "the input ended before a value was given"],
    ["  \n", "the value that was given is empty"],
  ])("a password must be given: %j", async (input, message) => {
    await write("{}")
    const { exit, stderr } = await secret(["add", "x", "--password", "a"], { input })
    expect(exit).toBe(2)
    expect(stderr).toBe(
      `Enter value for a in secret x: \nalcides: ${message}\n  hint: type it at the question, or pipe it to the standard input, one line for each --password\n`,
    )
    expect(await failureOf(["add", "x", "--password", "a"], input)).toMatchObject({ code: "password-missing" })
  })

  test("never overwrites, and says so before it asks", async () => {
    await write('{"x": {"kind": "Secret", "data": {}}}')
    expect(await secret(["add", "x", "--password", "a"], { input: "value\n" })).toEqual({
      exit: 2,
      stdout: "",
      stderr: `alcides: ${file} already has a secret "x"\n  hint: choose another name, or edit the file; alcides secret echo prints an entry to put there\n`,
    })
    expect(await failureOf(["add", "x", "--password", "a"])).toMatchObject({ code: "secret-exists" })
    expect(await failureOf(["add", "", "--password", "a"])).toMatchObject({
      code: "secret-name-invalid",
      message: "the name of the secret is empty",
      hint: "name it for what it opens, such as production-aws",
    })
  })

  test("needs the file, and names the command that makes it", async () => {
    expect((await secret(["add", "x", "--password", "a", "--project", "github/o/r"])).stderr).toBe(
      `alcides: there is no secrets file ${folder}/.config/alcides/secrets/github/o/secrets.json\n  hint: if the owner is right, make it with: alcides secret init-local --project github/o/r\n`,
    )
  })

  test("leaves a file alone that it cannot read", async () => {
    await write('{"x": ')
    expect(await secret(["add", "y", "--password", "a"], { input: "value\n" })).toMatchObject({ exit: 2 })
    expect(await readFile(file, "utf8")).toBe('{"x": ')
  })
})

describe("echo", () => {
  test("prints an entry, and changes nothing", async () => {
    const { exit, stdout } = await secret(["echo", "--password", "token"], { input: "the-value\n" })
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ kind: "Secret", data: { token: "the-value" } })
    expect(await readdir(folder)).toEqual([])
  })

  test("has a condition only with a project, or one of its own", async () => {
    const conditionOf = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await secret(["echo", "--string", "a", "b", ...args])).stdout).condition
    expect(await conditionOf()).toBe(undefined)
    expect(await conditionOf("--project", "gitlab/group%2Fsub/r")).toEqual({
      and: [{ isOwner: "group/sub" }, { isRepo: "r" }, "isDefaultBranch"],
    })
    expect(await conditionOf("--condition", "true", "--project", project)).toBe(true)
  })

  test("a field may have any name", async () => {
    const { stdout } = await secret([
      "echo",
      "--json",
      ".",
      '{"__proto__": {"a": 1}, "b.c": 2}',
      "--string",
      "__proto__.d",
      "x",
    ])
    expect(stdout.replace(/\s/g, "")).toBe('{"kind":"Secret","data":{"__proto__":{"a":1,"d":"x"},"b.c":2}}')
  })
})

describe("list", () => {
  const content = JSON.stringify({
    aws: {
      kind: "Secret",
      data: { aws_access_key_id: "AKIA-value", nested: { deep: "value" } },
      condition: { and: [{ isOwner: "neat-org" }, { or: ["isTag", { isBranch: "production" }] }] },
    },
    bare: { kind: "Secret", data: {} },
    broken: { kind: "Secret", data: "broken-value" },
  })

  test("shows fields and conditions, and whether they hold; never values", async () => {
    await write(content)
    const { exit, stdout } = await secret(["list", "--branch", "production"])
    expect(exit).toBe(0)
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["NAME", "FIELDS", "CONDITION", "GRANTED", "BECAUSE"],
      [
        "aws",
        "aws_access_key_id, nested",
        "isOwner neat-org and (isTag or isBranch production)",
        "yes",
        'isOwner: owner "neat-org" is "neat-org"; isBranch: ref "refs/heads/production" is "refs/heads/production"',
      ],
      ["bare", "no", "it has no condition, and no condition means no access"],
      ["broken", "no", "malformed: 1:250: broken.data: expected an object, got a string"],
      [""],
    ])
    expect(stdout).not.toMatch(/AKIA|value/)
  })

  test("decides for the ref that is asked about, and for the project", async () => {
    await write(content)
    const awsAt = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await secret(["list", "--json", ...args])).stdout)[0]
    expect(await awsAt("--tag", "v1")).toMatchObject({ name: "aws", holds: true })
    expect(await awsAt("--ref", "refs/pull/1/merge")).toMatchObject({ holds: false })
    expect(await awsAt()).toMatchObject({
      holds: false,
      because: "isTag: the ref is unknown; isBranch: the ref is unknown",
    })
    expect(await awsAt("--tag", "v1", "--project", "github/other/neat-repo", "--secrets", file)).toEqual({
      name: "aws",
      fields: ["aws_access_key_id", "nested"],
      condition: { and: [{ isOwner: "neat-org" }, { or: ["isTag", { isBranch: "production" }] }] },
      holds: false,
      because: 'isOwner: owner "other" is not "neat-org"',
    })
  })

  test("decides for the checkout without a flag", async () => {
    await write(content)
    delete env["ALCIDES_PROJECT"]
    const git = (...args: readonly string[]) => execFileSync("git", ["-C", folder, ...args], { stdio: "ignore" })
    git("init", "-q", "-b", "production")
    git("remote", "add", "origin", "https://github.com/neat-org/neat-repo.git")
    expect(JSON.parse((await secret(["list", "--json"])).stdout)[0]).toMatchObject({ holds: true })
  })

  test("a file that is not there has no secrets", async () => {
    expect(await secret(["list"])).toEqual({
      exit: 0,
      stdout: "",
      stderr: `there is no secrets file ${file}; alcides secret init-local makes one\n`,
    })
    expect((await secret(["list", "--json"])).stdout).toBe("[]\n")
  })
})

describe("check", () => {
  test("a good file", async () => {
    await write('{"a": {"kind": "Secret", "data": {"token": "long-enough", "port": 22}, "condition": true}}')
    expect(await secret(["check"])).toEqual({ exit: 0, stdout: `${file}: nothing is wrong\n`, stderr: "" })
    expect((await secret(["check", "--json"])).stdout).toBe("[]\n")
  })

  const bad = `{
  "aws": {"kind": "Secret", "condition": true, "data": {
    "aws_access_key_id": "AKIA-value", "aws_secret_access_key": " "}},
  "pin": {"kind": "Secret", "data": {"pin": "123", "list": [{"x": "ab"}]}, "condition": true},
  "pin": {"kind": "Secret", "data": {"pin": "123", "list": [{"x": "ab"}]}, "condition": true},
  "bare": {"kind": "Secret", "data": {}},
  "odd": {"kind": "secret", "data": {}, "condition": {"not": "isTag"}}
}`

  test("says everything that is wrong, with its place", async () => {
    await write(bad, 0o640)
    const { exit, stdout, stderr } = await secret(["check"])
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: "" })
    expect(stdout.replaceAll(`${file}:`, "").split("\n")).toEqual([
      `1:1: the file: others can read or write it (mode 0640): chmod 600 ${file}`,
      "5:10: pin: stands here twice; the last one counts",
      "2:56: aws.data: field aws_secret_access_key is missing or empty",
      "5:45: pin.data.pin: is shorter than 4 characters: it cannot be masked in output",
      "5:67: pin.data.list[0].x: is shorter than 4 characters: it cannot be masked in output",
      "6:11: bare: has no condition, and no condition means no access",
      '7:19: odd.kind: expected "Secret", got a string',
      '7:54: odd.condition: expected one of the fields and, isBranch, isOwner, isRepo, or, got "not"',
      "",
    ])
  })

  test("says it as JSON, too", async () => {
    await write(bad, 0o640)
    const { exit, stdout } = await secret(["check", "--json"])
    expect(exit).toBe(1)
    const problems: readonly { readonly code: string }[] = JSON.parse(stdout)
    expect(problems.map(({ code }) => code)).toEqual([
      "file-mode",
      "repeated",
      "field-missing",
      "unmaskable",
      "unmaskable",
      "no-condition",
      "malformed",
      "malformed",
    ])
    expect(problems[0]).toEqual({ code: "file-mode", path: "the file", position: "1:1", message: expect.any(String) })
  })

  test("checks the text in the environment", async () => {
    env["ALCIDES_SECRETS"] = '{"a": 1}'
    expect((await secret(["check"])).stdout).toBe("ALCIDES_SECRETS:1:7: a: expected an object, got a number\n")
  })

  test("a syntax error has its place and path", async () => {
    await write('{\n  "aws": {"kind" "Secret"}\n}')
    expect((await secret(["check"])).stderr).toBe(
      `alcides: ${file}:2:18: expected ":" (aws.kind)\n  hint: mend the JSON there; a comma too many or too few is the usual reason\n`,
    )
  })

  test("there must be a file", async () => {
    expect(await secret(["check"])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining("there is no secrets file"),
    })
  })
})

test("without a sub-command it shows its help", async () => {
  const { exit, stderr } = await runCli(["secret"], { env, cwd: folder })
  expect(exit).toBe(2)
  expect(stderr).toContain("init-local")
})

test("an error of data called --json reads like any other", async () => {
  await write("{}")
  expect((await secret(["add", "x", "--json", "a", "b"])).stderr).toContain(
    "alcides: --json: the value for a is no JSON",
  )
  expect(JSON.parse((await secret(["check", "--json", "--secrets", "none"])).stderr)).toMatchObject({
    error: { code: "secrets-file-missing" },
  })
})
