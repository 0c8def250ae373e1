import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { contentOfOpen, openNamelessFile } from "../../src/state/nameless-file.ts"

test("can be read again and again, and has no name at any time that it is used", async () => {
  const folder = await mkdtemp(join(tmpdir(), "alcides-nameless-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const handle = await openNamelessFile(folder)
  onTestFinished(() => handle.close())
  expect(await readdir(folder)).toEqual([])
  expect((await handle.stat()).mode & 0o777).toBe(0o600)
  await handle.writeFile("x".repeat(600_000))
  for (let time = 0; time < 2; time += 1) {
    let size = 0
    for await (const chunk of contentOfOpen(handle)) size += chunk.byteLength
    expect(size).toBe(600_000)
  }
})

test("tells the system's reason when there is no such folder", async () => {
  await expect(openNamelessFile("/nonexistent")).rejects.toMatchObject({ code: "ENOENT" })
})
