import { createHash, randomBytes } from "node:crypto"
import { mkdtemp, open, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { fill } from "../../../src/cli/state/fill.ts"

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-fill-"))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const signal = new AbortController().signal

async function* pieces(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index += 1) yield randomBytes(size)
}

it.each([
  ["nothing", 0, 0],
  ["one piece", 1, 10],
  ["more small pieces than the system takes at a time", 5_000, 7],
  ["pieces that do not fit into whole writes", 9, 300_001],
  ["what is flushed while more comes", 70, 1024 * 1024],
])("writes %s, in order", async (_, count, size) => {
  const path = join(folder, "file")
  const hash = createHash("sha256")
  const content = (async function* () {
    for await (const piece of pieces(count, size)) {
      hash.update(piece)
      yield piece
    }
  })()
  await using handle = await open(path, "wx")
  await fill(handle, { content, signal })
  const written = await readFile(path)
  expect(written.byteLength).toBe(count * size)
  expect(createHash("sha256").update(written).digest("hex")).toBe(hash.digest("hex"))
})

it("does not ask for more than it can write", async () => {
  const handle = await open("/dev/full", "w")
  let asked = 0
  const content = (async function* () {
    for await (const piece of pieces(1_000, 1024 * 1024)) {
      asked += 1
      yield piece
    }
  })()
  await expect(fill(handle, { content, signal })).rejects.toMatchObject({ code: "ENOSPC" })
  await handle.close()
  expect(asked).toBeLessThan(5)
})

it("tells what the content threw, when nothing is written any more", async () => {
  const handle = await open(join(folder, "file"), "wx")
  const content = (async function* () {
    yield* pieces(3, 1024 * 1024)
    throw new Error("damaged")
  })()
  await expect(fill(handle, { content, signal })).rejects.toThrow("damaged")
  expect((await handle.stat()).size).toBe(3 * 1024 * 1024)
  await handle.close()
})
