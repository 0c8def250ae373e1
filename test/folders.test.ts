import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { makeFolders } from "../src/folders.ts"

const folder = await mkdtemp(join(tmpdir(), "alcides-folders-"))
afterAll(() => rm(folder, { recursive: true, force: true }))

test("makes what is missing, for its owner alone, and says where that began", async () => {
  await mkdir(join(folder, "a"))
  await chmod(join(folder, "a"), 0o755)
  expect(await makeFolders(join(folder, "a", "b", "c"))).toBe(join(folder, "a", "b"))
  for (const path of ["a/b", "a/b/c"]) expect((await stat(join(folder, path))).mode & 0o777).toBe(0o700)
  expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o755)
  expect(await makeFolders(join(folder, "a", "b", "c"))).toBeUndefined()
  expect(await makeFolders(join(folder, "a", "b", "c", "d"))).toBe(join(folder, "a", "b", "c", "d"))
})

test("many at once make it once", async () => {
  const path = join(folder, "many", "deep", "folders")
  const made = await Promise.all(Array.from({ length: 20 }, () => makeFolders(path)))
  expect(made.filter((first) => first === join(folder, "many")).length).toBe(1)
  expect((await stat(path)).isDirectory()).toBe(true)
})

test("a file in its place, or above it, is an error", async () => {
  await writeFile(join(folder, "file"), "")
  await expect(makeFolders(join(folder, "file"))).rejects.toMatchObject({ code: "EEXIST" })
  await expect(makeFolders(join(folder, "file", "a", "b"))).rejects.toMatchObject({ code: "ENOTDIR" })
})

// Node's own would try for ever.
test("a file system that makes nothing is an error", async () => {
  await expect(makeFolders("/proc/alcides/store")).rejects.toMatchObject({ code: "ENOENT" })
})
