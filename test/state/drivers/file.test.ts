import {
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises"
import { dirname, join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import type { OnStep } from "../../../src/state/drivers/file/steps.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { openStore } from "../../../src/state/open.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { unprivileged } from "../support/unprivileged.ts"

const writer = { by: "alice" }
const longAgo = new Date(Date.now() - 25 * 3600_000)

async function fresh(
  onStep?: OnStep,
): Promise<{ root: string; url: string; store: StateStore; head: string; blobs: string }> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  const objects = openFileStore(url, onStep === undefined ? {} : { onStep })
  const state = join(root, "projects/github/neat-org/neat-repo/state/a.json")
  return {
    root,
    url,
    store: createStateStore({ objects, project }),
    head: join(state, "head"),
    blobs: join(state, "blobs"),
  }
}

const put = (store: StateStore, text: string) => store.put("a.json", bytes(text), { base: "current", writer })
const read = async (store: StateStore): Promise<string | undefined> => {
  const found = await store.get("a.json")
  return found === undefined ? undefined : textOf(found.content)
}
const newest = async (folder: string): Promise<string> => join(folder, (await readdir(folder)).sort().at(-1) ?? "")
const failWith = (code: string): never => {
  throw Object.assign(new Error(code), { code })
}

describe("what lies on the disk", () => {
  test("is for its owner alone, and reading makes nothing", async () => {
    const { root, store } = await fresh()
    await store.get("a.json")
    await store.list()
    await store.locks()
    await expect(stat(root)).rejects.toMatchObject({ code: "ENOENT" })
    await put(store, "one")
    await store.acquire({
      lock: "l",
      exclusive: true,
      description: "",
      holder: writer,
      ttl: 9,
      idempotencyKey: "k",
      queue: false,
    })
    const all = await readdir(root, { recursive: true, withFileTypes: true })
    expect(all.filter((entry) => entry.isFile()).length).toBe(4)
    for (const entry of all)
      expect((await stat(join(entry.parentPath, entry.name))).mode & 0o777).toBe(entry.isFile() ? 0o600 : 0o700)
    expect(await readdir(join(root, "tmp"))).toEqual([])
    expect(JSON.parse(await readFile(join(root, "alcides-store.json"), "utf8"))).toMatchObject({ format: 1 })
  })

  test("grows by at most a few old records, and loses no version", async () => {
    const { store, head } = await fresh()
    for (let index = 0; index < 30; index += 1) {
      await put(store, `${index}`)
      for (const name of await readdir(head)) await utimes(join(head, name), longAgo, longAgo)
    }
    expect((await readdir(head)).length).toBeLessThanOrEqual(16 + 8)
    expect((await store.history("a.json"))?.length).toBe(30)
  })

  test("keeps old records for ten minutes, however many there are", async () => {
    const { store, head } = await fresh()
    for (let index = 0; index < 30; index += 1) await put(store, `${index}`)
    expect((await readdir(head)).length).toBe(30)
  })

  test("is rid of what crashed writers left, once it is old, and of nothing else", async () => {
    const { root, store, blobs } = await fresh()
    await put(store, "one")
    const files = {
      old: join(root, "tmp/old"),
      new: join(root, "tmp/new"),
      orphan: join(blobs, "9-orphan"),
      youngOrphan: join(blobs, "9-young"),
    }
    for (const path of Object.values(files)) await writeFile(path, "left")
    await utimes(files.old, longAgo, longAgo)
    await utimes(files.orphan, longAgo, longAgo)
    for (const name of await readdir(blobs))
      if (name.startsWith("1-")) await utimes(join(blobs, name), longAgo, longAgo)
    for (let index = 2; index <= 16; index += 1) await put(store, `${index}`)
    expect(await readdir(join(root, "tmp"))).toEqual(["new"])
    const left = await readdir(blobs)
    expect(left).not.toContain("9-orphan")
    expect(left).toContain("9-young")
    expect(left.length).toBe(17)
    expect(await textOf((await store.get("a.json", { version: 1 }))?.content ?? bytes(""))).toBe("one")
  })
})

describe("damage is told as what it is, never as absent", () => {
  test.each<[string, string, string, (paths: { head: string; blobs: string; root: string }) => Promise<void>]>([
    [
      "a record cut short",
      "store-damaged",
      "its checksum does not fit",
      async ({ head }) => truncate(await newest(head), 200),
    ],
    [
      "an empty record",
      "store-damaged",
      "does not begin as a record does",
      async ({ head }) => truncate(await newest(head), 0),
    ],
    [
      "a flipped bit in a record",
      "store-damaged",
      "its checksum does not fit",
      async ({ head }) => flip(await newest(head)),
    ],
    [
      "a folder for a record",
      "store-damaged",
      "is a folder where a file should be",
      async ({ head }) => replace(await newest(head)),
    ],
    [
      "a record that leads nowhere",
      "store-damaged",
      "cannot be opened",
      async ({ head }) => symlink("/nowhere", join(head, "0000000009.json")),
    ],
    [
      "a file for the folder of records",
      "store-damaged",
      "below a file",
      async ({ head }) => rm(head, { recursive: true }).then(() => writeFile(head, "")),
    ],
    [
      "a record of another file",
      "store-damaged",
      'is the record of "a.json", not of "b.json"',
      async ({ head }) => copyState(head),
    ],
    [
      "content cut short",
      "state-content-truncated",
      "should have 3 bytes",
      async ({ blobs }) => truncate(await newest(blobs), 2),
    ],
    [
      "a flipped bit in content",
      "state-content-corrupt",
      "should have the sha256",
      async ({ blobs }) => flip(await newest(blobs)),
    ],
    [
      "content that is gone",
      "state-content-missing",
      "its content is gone",
      async ({ blobs }) => rm(await newest(blobs)),
    ],
    [
      "a folder for content",
      "store-damaged",
      "is a folder where a file should be",
      async ({ blobs }) => replace(await newest(blobs)),
    ],
    [
      "a newer record",
      "store-format-unknown",
      "was written by a newer Alcides (format 2",
      async ({ head }) => writeFile(await newest(head), "alcides-record 2 x\n"),
    ],
    [
      "a newer store",
      "store-format-unknown",
      "was written by a newer Alcides (format 7",
      async ({ root }) => writeFile(join(root, "alcides-store.json"), '{"format":7}'),
    ],
    [
      "a marker that is none",
      "store-damaged",
      "is no JSON",
      async ({ root }) => writeFile(join(root, "alcides-store.json"), ""),
    ],
    [
      "a marker that is gone",
      "store-folder-in-use",
      "is no state store, and there is something else in it",
      async ({ root }) => rm(join(root, "alcides-store.json")),
    ],
  ])("%s", async (_, code, message, damage) => {
    const { url, store, ...paths } = await fresh()
    await put(store, "one")
    await damage(paths)
    const name = message.includes("b.json") ? "b.json" : "a.json"
    const again = await openStore(url, project)
    const found = again.get(name).then((found) => (found === undefined ? undefined : textOf(found.content)))
    await expect(found).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
      exit: code === "store-format-unknown" || code === "store-folder-in-use" ? 2 : 1,
    })
  })

  test("refused access", async () => {
    const { url } = await fresh()
    const store = await openStore(url, project)
    await put(store, "one")
    const refused = {
      code: "store-denied",
      exit: 1,
      message: expect.stringContaining("the state store refuses access to /"),
    }
    await unprivileged(async () => {
      const other = await openStore(url, project)
      if (process.getuid?.() === 0) await expect(other.get("a.json")).rejects.toMatchObject(refused)
      if (process.getuid?.() === 0) await expect(put(other, "two")).rejects.toMatchObject(refused)
    })
    expect(await read(store)).toBe("one")
  })
})

async function flip(path: string): Promise<void> {
  const content = await readFile(path)
  const at = content.length - 2
  content[at] = (content[at] ?? 0) ^ 1
  await writeFile(path, content)
}

async function replace(path: string): Promise<void> {
  await rm(path)
  await mkdir(path)
}

async function copyState(head: string): Promise<void> {
  const other = join(dirname(dirname(head)), "b.json/head")
  await mkdir(other, { recursive: true })
  await link(await newest(head), join(other, "0000000001.json"))
}

describe("a folder that is no store", () => {
  test("is left alone", async () => {
    const { root, url } = await fresh()
    await mkdir(root)
    await writeFile(join(root, "thesis.tex"), "")
    const store = await openStore(url, project)
    await expect(put(store, "one")).rejects.toMatchObject({
      code: "store-folder-in-use",
      exit: 2,
      message: `${root} is no state store, and there is something else in it`,
    })
    expect(await readdir(root)).toEqual(["thesis.tex"])
  })

  test.each(["", "/below"])("is said to be a file: thesis.tex%s", async (below) => {
    const { root, url } = await fresh()
    await writeFile(root, "")
    const store = await openStore(`${url}${below}`, project)
    const refused = {
      code: "store-folder-in-use",
      exit: 2,
      message: `${root}${below} is no folder: it is a file, or below one`,
      hint: "name an empty or a new folder",
    }
    await expect(read(store)).rejects.toMatchObject(refused)
    await expect(put(store, "one")).rejects.toMatchObject(refused)
  })

  test("is a store when another program makes it one at this moment", async () => {
    const { url, remove } = await fileStorage()
    onTestFinished(remove)
    const other = await openStore(url, project)
    const objects = openFileStore(url, {
      onStep: async ({ name }) => void (name === "list root" && (await put(other, "one"))),
    })
    const store = createStateStore({ objects, project })
    expect(await read(store)).toBe("one")
    expect(await put(store, "two")).toMatchObject({ version: 2 })
  })

  test("is no empty store when the store must be there already", async () => {
    const { root, url } = await fresh()
    await mkdir(root)
    const strict = await openStore(`${url}?create=never`, project)
    const missing = {
      code: "store-missing",
      exit: 1,
      message: `there is no state store at ${root}`,
      hint: expect.stringContaining("mounted"),
    }
    await expect(strict.get("a.json")).rejects.toMatchObject(missing)
    await expect(put(strict, "one")).rejects.toMatchObject(missing)
    await put(await openStore(url, project), "one")
    expect(await read(strict)).toBe("one")
  })
})

describe("a store that goes away", () => {
  const missing = { code: "store-missing", message: expect.stringContaining("is not there any more"), exit: 1 }
  const ways = [
    ["nothing is left", async () => {}],
    ["its empty mount point is left", async (root: string) => void (await mkdir(root))],
    ["another store is there now", async (root: string) => put(await openStore(`file://${root}`, project), "other")],
  ] as const

  test.each(ways)("is not empty, for who has read of it: %s", async (_, replace) => {
    const { root, url, store: writing } = await fresh()
    await put(writing, "one")
    const store = await openStore(url, project)
    expect(await read(store)).toBe("one")
    await rename(root, `${root}-away`)
    onTestFinished(() => rm(`${root}-away`, { recursive: true, force: true }))
    await replace(root)
    const before = await readdir(root, { recursive: true }).catch(() => [])
    await expect(store.get("b.json")).rejects.toMatchObject(missing)
    await expect(store.history("b.json")).rejects.toMatchObject(missing)
    await expect(store.put("b.json", bytes("new"), { base: "current", writer })).rejects.toMatchObject(missing)
    expect(await readdir(root, { recursive: true }).catch(() => [])).toEqual(before)
    if (replace === ways[2][1]) return
    await expect(store.get("a.json")).rejects.toMatchObject(missing)
    await expect(store.list()).rejects.toMatchObject(missing)
    await expect(store.locks()).rejects.toMatchObject(missing)
    await rm(root, { recursive: true, force: true })
    await rename(`${root}-away`, root)
    expect(await read(store)).toBe("one")
  })

  test("takes nothing from who has written to it either", async () => {
    const { root, store } = await fresh()
    await put(store, "one")
    await rename(root, `${root}-away`)
    onTestFinished(() => rm(`${root}-away`, { recursive: true, force: true }))
    await mkdir(root)
    await expect(read(store)).rejects.toMatchObject(missing)
    await expect(put(store, "two")).rejects.toMatchObject({ exit: 1 })
    await expect(store.put("b.json", bytes("new"), { base: "absent", writer })).rejects.toMatchObject({ exit: 1 })
    expect(await readdir(root)).toEqual([])
  })
})

describe("a disk that fails", () => {
  test.each([
    ["ENOSPC", "store-full", "no space left for the state store at "],
    ["EDQUOT", "store-full", "no space left for the state store at "],
    ["EROFS", "store-denied", "the state store refuses access to "],
    ["EXDEV", "store-unsupported", "has no hard links (EXDEV)"],
    ["EIO", "store-failed", "(EIO)"],
  ])(
    "%s at any step of a put is a clear error, and the old version stands until the new one is linked",
    async (errno, code, message) => {
      let steps: string[] = []
      let failing = -1
      const { root, store, url } = await fresh(({ name }) => {
        if (steps.push(name) === failing + 1) failWith(errno)
      })
      await put(store, "one")
      let linked = 0
      for (let index = 0; ; index += 1) {
        steps = []
        failing = index
        const result = await put(store, "two").catch((error: unknown) => error)
        failing = -1
        if (steps.length <= index) break
        const step = steps[index]
        // What follows the link cannot undo it; it is told all the same, unless it was only a leftover that could not be removed.
        const isLinked = steps.slice(0, index).includes("link record")
        if (step !== "remove") expect(result, step).toMatchObject({ code, message: expect.stringContaining(message) })
        const now = await openStore(url, project)
        expect(await read(now), step).toBe(isLinked || step === "remove" ? "two" : "one")
        linked += isLinked ? 1 : 0
        // By the same store: one that remembers what has changed since would link twice.
        await put(store, "one")
        for (const left of await readdir(join(root, "tmp"))) await rm(join(root, "tmp", left))
      }
      expect(linked).toBeGreaterThan(2)
    },
  )

  test("a failure that does not pass is told after some tries", async () => {
    let tries = 0
    const { store } = await fresh(({ name }) => {
      if (name === "link record") tries += 1
      if (name === "link record") failWith("ESTALE")
    })
    await expect(put(store, "one")).rejects.toMatchObject({
      code: "store-failed",
      message: expect.stringContaining("(ESTALE)"),
    })
    expect(tries).toBe(6)
  })

  test("passing failures are tried again", async () => {
    let failures = 0
    const { store } = await fresh(() => {
      failures += 1
      if (failures % 2 !== 0) failWith("ESTALE")
    })
    await put(store, "one")
    expect(await read(store)).toBe("one")
  })

  test("a file system without hard links is named as such", async () => {
    const { store } = await fresh(({ name }) => void (name === "link record" && failWith("EPERM")))
    await expect(put(store, "one")).rejects.toMatchObject({ code: "store-unsupported" })
  })
})

describe("a writer who slept", () => {
  test("does not win with a number that was pruned in the meantime", async () => {
    const { url, root } = await fresh()
    const objects = openFileStore(url)
    const key = "locks/x/y"
    const folder = join(root, key)
    await objects.swap(key, { text: "first", expected: "absent" })
    const old = await objects.read(key)
    for (let index = 0; index < 40; index += 1) {
      const current = await objects.read(key)
      expect(await objects.swap(key, { text: `${index}`, expected: current?.tag ?? "absent" })).toBeDefined()
      for (const name of await readdir(folder)) await utimes(join(folder, name), longAgo, longAgo)
    }
    const before = await readdir(folder)
    expect(before).not.toContain("0000000002.json")
    expect(await objects.swap(key, { text: "late", expected: old?.tag ?? "absent" })).toBeUndefined()
    expect(await objects.swap(key, { text: "late", expected: "absent" })).toBeUndefined()
    expect(await readdir(folder)).toEqual(before)
    expect((await objects.read(key))?.text).toBe("39")
  })

  test("knows that it won when others have already built on what it wrote", async () => {
    const { url } = await fresh()
    const other = openFileStore(url)
    const key = "locks/x/y"
    let sleeping = false
    const objects = openFileStore(url, {
      onStep: async ({ name }) => {
        // Between its link and its look at what came after.
        if (name !== "list record" || !sleeping) return
        sleeping = false
        const current = await other.read(key)
        await other.swap(key, { text: "on top", expected: current?.tag ?? "absent" })
      },
    })
    sleeping = false
    await objects.swap(key, { text: "first", expected: "absent" })
    const first = await objects.read(key)
    sleeping = true
    expect(await objects.swap(key, { text: "second", expected: first?.tag ?? "absent" })).toBeDefined()
    expect((await other.read(key))?.text).toBe("on top")
  })

  test("knows its own link when the server says that it was there already, as NFS may", async () => {
    let root = ""
    const made = await fresh(async ({ name, path }) => {
      if (name !== "link record") return
      const [temporary = ""] = await readdir(join(root, "tmp"))
      await link(join(root, "tmp", temporary), path)
    })
    root = made.root
    await put(made.store, "one")
    await put(made.store, "two")
    expect((await made.store.history("a.json"))?.map(({ version }) => version)).toEqual([2, 1])
  })
})
