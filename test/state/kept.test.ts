import { createHash } from "node:crypto"
import { chmod, mkdtemp, mkdir, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import {
  keepFile,
  keptFileAt,
  keptFolderOf,
  keptHome,
  keptIn,
  listKept,
  readAbout,
  sweepKept,
  type Keep,
} from "../../src/state/kept.ts"
import { unprivileged } from "./support/unprivileged.ts"

const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "alcides-kept-"))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

async function keep(dir: string, more: Partial<Keep> = {}): Promise<string> {
  const source = join(dir, "source")
  await writeFile(source, "the only copy", { mode: 0o644 })
  return keepFile({
    source,
    name: "nixops-foo.json",
    project,
    store: "file:///srv/state",
    base: 3,
    writer: { by: "alice@ci", runUrl: "https://ci.example/runs/1" },
    message: "effect deploy",
    error: new AlcidesError({ code: "store-full", message: "no space left" }),
    dir: join(dir, "kept"),
    ...more,
  })
}

test("keeps the file for its owner alone, and says beside it what it is", async () => {
  const dir = await folder()
  const kept = await keep(dir)
  expect(kept).toMatch(/kept\/github-neat-org-neat-repo\/\d{4}-\d\d-\d\dT[\d-]+Z-nixops-foo\.json$/)
  expect(await readFile(kept, "utf8")).toBe("the only copy")
  for (const path of [kept, `${kept}.kept`]) expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(dirname(kept))).mode & 0o777).toBe(0o700)
  expect(await readAbout(kept)).toEqual({
    format: 1,
    file: basename(kept),
    name: "nixops-foo.json",
    project: "github/neat-org/neat-repo",
    store: "file:///srv/state",
    base: 3,
    writer: { by: "alice@ci", runUrl: "https://ci.example/runs/1" },
    message: "effect deploy",
    kept: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    why: "store-full",
    size: 13,
    sha256: sha256("the only copy"),
  })
  expect((await readdir(dirname(kept))).length).toBe(2)
})

test("is kept below the user's state, or where that was told", () => {
  expect(keptHome({ HOME: "/home/alice" })).toBe("/home/alice/.local/state/alcides/kept")
  expect(keptHome({ HOME: "/home/alice", ALCIDES_KEPT: "" })).toBe("/home/alice/.local/state/alcides/kept")
  expect(keptHome({ HOME: "/home/alice", ALCIDES_KEPT: "kept" })).toBe("/home/alice/.local/state/alcides/kept")
  expect(keptHome({ HOME: "/private", ALCIDES_KEPT: "/srv/kept" })).toBe("/srv/kept")
})

test("does not write down what a program's failure said: it may hold a secret", async () => {
  const dir = await folder()
  const kept = await keep(dir, { error: new Error("hunter2") })
  expect(await readFile(`${kept}.kept`, "utf8")).not.toContain("hunter2")
  expect(await readAbout(kept)).toMatchObject({ why: "internal" })
})

test("encrypts what the store would have had encrypted", async () => {
  const dir = await folder()
  async function* encrypt(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) yield chunk.map((byte) => byte ^ 1)
  }
  const kept = await keep(dir, { encryption: { recipients: ["age1x"], encrypt } })
  expect(await readFile(kept, "utf8")).not.toContain("only")
  expect(await readAbout(kept)).toMatchObject({ encrypted: { recipients: ["age1x"] }, size: 13 })
  const clear = await keep(dir, { encryption: { recipients: [], encrypt } })
  expect(await readFile(clear, "utf8")).toBe("the only copy")
  expect(await readAbout(clear)).not.toHaveProperty("encrypted")
})

test("finds everything again, the oldest first, whatever it is called", async () => {
  const dir = await folder()
  const dirs = join(dir, "kept")
  expect(await listKept(dirs)).toEqual([])
  const names = ["a", "a.kept", "a.kept.kept", "Grüße"]
  const paths = []
  // In the same moment on purpose.
  for (const name of [...names, ...names]) paths.push(await keep(dir, { name }))
  expect(new Set(paths).size).toBe(8)
  const found = await listKept(dirs)
  expect(found.map(({ path }) => path).toSorted()).toEqual(paths.toSorted())
  expect(found.map(({ name }) => name)).toEqual([...names, ...names])
  for (const { kind, about, name } of found) expect([kind, about?.name]).toEqual(["file", name])
})

test("finds what earlier versions kept, and the folders of effects", async () => {
  const dir = await folder()
  const place = keptFolderOf({ dir, project: "github/neat-org/neat-repo" })
  await mkdir(join(place, "2026-11-21T10-34-22-867Z-deploy-all-Xy12Ab"), { recursive: true })
  await writeFile(join(place, "2026-11-21T10-34-22-868Z-db.json"), "old")
  await writeFile(join(place, "2026-11-21T10-34-22-869Z-db.json.kept"), "a state file of this name")
  for (const stray of ["notes.txt", ".x.partial"]) await writeFile(join(place, stray), "")
  expect(await keptIn(place)).toEqual([
    {
      path: join(place, "2026-11-21T10-34-22-867Z-deploy-all-Xy12Ab"),
      kind: "folder",
      name: "deploy-all",
      at: "2026-11-21T10:34:22.867Z",
    },
    {
      path: join(place, "2026-11-21T10-34-22-868Z-db.json"),
      kind: "file",
      name: "db.json",
      at: "2026-11-21T10:34:22.868Z",
    },
    {
      path: join(place, "2026-11-21T10-34-22-869Z-db.json.kept"),
      kind: "file",
      name: "db.json.kept",
      at: "2026-11-21T10:34:22.869Z",
    },
  ])
})

test("does not believe a file beside it that is about another, or broken", async () => {
  const dir = await folder()
  const kept = await keep(dir)
  const text = await readFile(`${kept}.kept`, "utf8")
  for (const broken of [text.replace(basename(kept), "other"), "{", text.replace('"format": 1', '"format": 2')]) {
    await writeFile(`${kept}.kept`, broken)
    expect(await readAbout(kept)).toBeUndefined()
    expect(await keptFileAt(kept)).not.toHaveProperty("about")
  }
  expect(await keptFileAt(join(dir, "nowhere"))).toBeUndefined()
  expect(await keptFileAt(dir)).toBeUndefined()
})

test("what a killed program left half-done goes once it is old, and nothing else", async () => {
  const dir = await folder()
  const kept = await keep(dir)
  const gone = await keep(dir)
  await rm(gone)
  const place = dirname(kept)
  await writeFile(join(place, ".x.partial"), "half")
  await writeFile(join(place, ".y.partial"), "just now")
  const longAgo = new Date(Date.now() - 25 * 3600_000)
  for (const path of [kept, `${kept}.kept`, `${gone}.kept`, join(place, ".x.partial")])
    await utimes(path, longAgo, longAgo)
  await sweepKept(dirname(place))
  expect((await readdir(place)).toSorted()).toEqual([basename(kept), `${basename(kept)}.kept`, ".y.partial"].toSorted())
})

test("keeps it also below a folder that may be written to, but not read", async () => {
  await unprivileged(async () => {
    const dir = await folder()
    await chmod(dir, 0o300)
    const kept = await keep(dir).finally(() => chmod(dir, 0o700))
    expect(await readFile(kept, "utf8")).toBe("the only copy")
  })
})

test("says where the file is when it cannot be kept", async () => {
  const dir = await folder()
  const source = join(dir, "source")
  await expect(keep(dir, { dir: join(source, "below-a-file") })).rejects.toMatchObject({
    code: "state-not-kept",
    message: expect.stringMatching(/^the state file "\S+" could be neither put \(.+\) nor kept \(ENOTDIR: .+\)$/),
    exit: 7,
    hint: `copy ${source} to a safe place now, before this machine is cleaned`,
  })
  async function* content(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x")
  }
  await expect(keep(dir, { source: content(), dir: join(source, "below-a-file") })).rejects.toMatchObject({
    code: "state-not-kept",
    hint: "make it again, into a file in a safe place, before what it was made from is gone",
  })
})
