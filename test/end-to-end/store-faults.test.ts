import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { describe, expect, onTestFinished, test } from "vitest"
import { buildCli } from "../support/built-cli.ts"
import { runCli, type CliResult } from "../support/io.ts"
import { s3Environment } from "../support/s3.ts"
import { fileStorage } from "../state/support/file-storage.ts"
import { s3Storage, s3Url, type S3Storage } from "../state/support/s3-storage.ts"
import { unprivileged } from "../state/support/unprivileged.ts"

// What a program sees of a store that does not work: its exit code, and one line. None of it may look as if there were no such state.

type Typed = (args: readonly string[], options?: { readonly input?: string }) => Promise<CliResult>

/** `alcides state` for this store, in a folder of its own that holds a file of before. */
async function typed(env: Readonly<Record<string, string>>): Promise<{ state: Typed; out: string; kept: string }> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-told-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const out = join(folder, "out")
  await writeFile(out, "of before")
  const kept = join(folder, "state")
  const all = { PATH: process.env["PATH"] ?? "", HOME: folder, XDG_STATE_HOME: kept, ...env }
  const cli = { cwd: folder, env: { ...all, ALCIDES_PROJECT: "github/neat-org/neat-repo" } }
  return { state: (args, options = {}) => runCli(["state", ...args], { ...cli, ...options }), out, kept }
}

const get = (out: string): readonly string[] => ["get", "--name", "a.json", "--file", out, "--allow-missing"]
const put = ["put", "--name", "a.json", "--file", "-"]

async function expectTold(
  { state, out }: Awaited<ReturnType<typeof typed>>,
  exit: number,
  line: RegExp,
): Promise<void> {
  const told = await state(get(out))
  expect(told).toEqual({ exit, stdout: "", stderr: expect.stringMatching(line) })
  expect(told.stderr).toMatch(/\n {2}hint: [^\n]+\n$/)
  expect(await readFile(out, "utf8")).toBe("of before")
}

describe("a folder", () => {
  const stored = async () => {
    const { root, url, remove } = await fileStorage()
    onTestFinished(remove)
    const command = await typed({ ALCIDES_STATE: url })
    expect((await command.state(put, { input: "content" })).exit).toBe(0)
    const state = join(root, "projects/github/neat-org/neat-repo/state/a.json")
    const inside = async (folder: string): Promise<string> =>
      join(state, folder, (await readdir(join(state, folder))).toSorted().at(-1) ?? "")
    return { root, url, command, head: await inside("head"), blob: await inside("blobs") }
  }
  type Stored = Awaited<ReturnType<typeof stored>>
  const flip = async (path: string): Promise<void> => {
    const content = await readFile(path)
    await writeFile(path, content.with(content.length - 3, (content.at(-3) ?? 0) ^ 1))
  }
  const replace = (path: string): Promise<unknown> => rm(path, { recursive: true }).then(() => mkdir(path))

  test.each<[string, number, RegExp, (stored: Stored) => Promise<unknown>]>([
    ["a truncated blob", 1, /^alcides: version 1 of "a.json" should have 7 bytes/, ({ blob }) => truncate(blob, 5)],
    ["a flipped bit", 1, /^alcides: version 1 of "a.json" should have the sha256/, ({ blob }) => flip(blob)],
    [
      "a blob that is gone",
      1,
      /^alcides: the store lists version 1 of "a.json", but its content/,
      ({ blob }) => rm(blob),
    ],
    [
      "a folder for a blob",
      1,
      /^alcides: the state store is damaged: .* is a folder where/,
      ({ blob }) => replace(blob),
    ],
    [
      "a truncated record",
      1,
      /^alcides: the state store is damaged: .*\.json is truncated/,
      ({ head }) => truncate(head, 200),
    ],
    [
      "a flipped bit in a record",
      1,
      /^alcides: the state store is damaged: .*\.json is truncated/,
      ({ head }) => flip(head),
    ],
    [
      "a folder for a record",
      1,
      /^alcides: the state store is damaged: .* is a folder where/,
      ({ head }) => replace(head),
    ],
    [
      "a file for the store",
      2,
      /^alcides: \S+ is no folder: it is a file/,
      ({ root }) => rm(root, { recursive: true }).then(() => writeFile(root, "x")),
    ],
  ])("%s", async (_, exit, line, damage) => {
    const { command, ...paths } = await stored()
    await damage({ command, ...paths })
    await expectTold(command, exit, line)
  })

  test("one that should be there and is not", async () => {
    const { url, root } = await stored()
    await rm(root, { recursive: true })
    await expectTold(await typed({ ALCIDES_STATE: `${url}?create=never` }), 1, /^alcides: there is no state store at /)
  })

  test("one that this user may not read", async () => {
    const { url } = await stored()
    const command = await typed({ ALCIDES_STATE: url })
    const told = await unprivileged(() => command.state(["get", "--name", "a.json", "--file", "-", "--allow-missing"]))
    // Whoever runs this as another user than root owns the store.
    if (process.getuid?.() !== 0) return
    expect(told).toEqual({
      exit: 1,
      stdout: "",
      stderr: expect.stringMatching(/^alcides: the state store refuses access/),
    })
  })
})

describe.skipIf(process.getuid?.() !== 0 || process.platform !== "linux")("a disk of its own", () => {
  const script = `set -u
mount -t tmpfs -o size=512k,mode=700 tmpfs "$DISK" || exit 99
state() { "$NODE" "$CLI" state "$@"; }
echo content | state put --name a.json --file - || exit 98
$BEFORE
head -c 1000000 /dev/zero | state put --name a.json --file -
echo "put: $?"
state get --name a.json --file -
echo "get: $?"
$AFTER
echo again | state put --name a.json --file -
echo "put: $?"
ls "$DISK/store/tmp"
`
  const run = async (more: { readonly BEFORE: string; readonly AFTER: string }) => {
    const cli = await buildCli()
    const folder = await mkdtemp(join(tmpdir(), "alcides-disk-"))
    onTestFinished(async () => {
      await cli.remove()
      await rm(folder, { recursive: true, force: true })
    })
    const disk = join(folder, "disk")
    await mkdir(disk)
    // Nobody but this process and its children sees the mount, which goes with them.
    const { stdout, stderr } = spawnSync(
      "unshare",
      ["--mount", "sh", "-c", script.replace("$BEFORE", more.BEFORE).replace("$AFTER", more.AFTER)],
      {
        encoding: "utf8",
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: folder,
          XDG_STATE_HOME: join(folder, "state"),
          ALCIDES_PROJECT: "github/neat-org/neat-repo",
          ALCIDES_STATE: pathToFileURL(join(disk, "store")).href,
          NODE: process.execPath,
          CLI: cli.path,
          DISK: disk,
        },
      },
    )
    expect(await readdir(disk)).toEqual([])
    const keptIn = /it is kept in (\S+)/.exec(stderr)?.[1] ?? ""
    expect(existsSync(keptIn), stderr).toBe(true)
    expect((await readFile(keptIn)).length).toBe(1_000_000)
    return { stdout, stderr }
  }

  test("that is full: the old version stands, the new one is kept elsewhere, and there is room again", async () => {
    const { stdout, stderr } = await run({ BEFORE: "", AFTER: "" })
    expect(stdout).toBe("put: 7\ncontent\nget: 0\nput: 0\n")
    expect(stderr).toContain("no space left for the state store at ")
  })

  test("that is mounted read-only: it can be read, and what cannot be written is kept elsewhere", async () => {
    const remount = (how: string): string => `mount -o remount,${how} "$DISK"`
    const { stdout, stderr } = await run({ BEFORE: remount("ro"), AFTER: remount("rw") })
    expect(stdout).toBe("put: 7\ncontent\nget: 0\nput: 0\n")
    expect(stderr).toContain("the state store refuses access to ")
  })
})

describe("a bucket", () => {
  const stored = async (): Promise<S3Storage & { readonly keyOf: (pattern: RegExp) => Promise<string> }> => {
    const storage = await s3Storage()
    const { state } = await typed({ ...storage.env, ALCIDES_STATE: storage.url })
    expect((await state(put, { input: "content" })).exit).toBe(0)
    const keyOf = async (pattern: RegExp): Promise<string> =>
      (await storage.bucket.keys()).find((key) => pattern.test(key)) ?? ""
    return { ...storage, keyOf }
  }

  test("with a truncated blob, a flipped bit, no blob, a damaged record", async () => {
    const { bucket, url, env, keyOf } = await stored()
    const command = await typed({ ...env, ALCIDES_STATE: url })
    const blob = await keyOf(/\/a\.json\/blobs\//)
    const head = await keyOf(/\/a\.json\/head$/)
    await bucket.put(blob, "conte")
    await expectTold(command, 1, /^alcides: version 1 of "a.json" should have 7 bytes/)
    await bucket.put(blob, "contenu")
    await expectTold(command, 1, /^alcides: version 1 of "a.json" should have the sha256/)
    await bucket.remove(blob)
    await expectTold(command, 1, /^alcides: the store lists version 1 of "a.json", but its content is gone/)
    await bucket.put(head, (await bucket.get(head)).subarray(0, -3))
    await expectTold(command, 1, /^alcides: the state store is damaged: s3:\S+ is truncated/)
  })

  test("that is not there, or whose server refuses, or is none", async () => {
    const { bucket, url, env } = await stored()
    const at = (store: string, more: Readonly<Record<string, string>> = {}) =>
      typed({ ...env, ...more, ALCIDES_STATE: store })
    await expectTold(await at(s3Url({ ...bucket, name: "no-such-bucket" })), 1, /^alcides: there is no bucket no-such/)
    await expectTold(await at(url, { AWS_ACCESS_KEY_ID: "nobody" }), 1, /^alcides: .* does not know the access key/)
    await expectTold(await at(url, { AWS_SECRET_ACCESS_KEY: "wrong" }), 1, /^alcides: .* the secret key does not fit/)
    await expectTold(await at(url, s3Environment(bucket.server.guest)), 1, /^alcides: .* may not do that/)
    await expectTold(await at(s3Url(bucket, { endpoint: "http://127.0.0.1:9" })), 1, /^alcides: .* cannot be reached/)
  })

  test("that may only be read", async () => {
    const { bucket, url, env } = await stored()
    await bucket.allowGuest(["s3:GetObject", "s3:ListBucket"])
    const { state, out, kept } = await typed({ ...s3Environment(bucket.server.guest), ALCIDES_STATE: url })
    const told = await state(put, { input: "new" })
    expect(told).toMatchObject({ exit: 7, stderr: expect.stringMatching(/may not do that.*it is kept in /s) })
    expect((await readdir(kept, { recursive: true })).length).toBeGreaterThan(0)
    expect((await state(get(out))).exit).toBe(0)
    expect(await readFile(out, "utf8")).toBe("content")
    const owner = await typed({ ...env, ALCIDES_STATE: url })
    expect((await owner.state(["history", "--name", "a.json", "--json"])).stdout.match(/"version": /g)).toHaveLength(1)
  })
})
