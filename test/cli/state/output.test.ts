import { execFileSync } from "node:child_process"
import { lstat, mkdtemp, open, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { removeWhole, writeWhole } from "../../../src/cli/state/output.ts"
import { AlcidesError } from "../../../src/errors.ts"

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-output-"))
  file = join(folder, "state.json")
  await writeFile(file, "before")
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const signal = new AbortController().signal

async function expectUntouched(): Promise<void> {
  expect(await readdir(folder)).toEqual(["state.json"])
  expect(await readFile(file, "utf8")).toBe("before")
}

it("leaves the file of before when the content ends in an error", async () => {
  const damaged = new AlcidesError({ code: "state-content-corrupt", message: "damaged" })
  const content = (async function* () {
    yield Buffer.from("half")
    throw damaged
  })()
  await expect(writeWhole(file, { content, signal })).rejects.toBe(damaged)
  await expectUntouched()
})

it("leaves the file of before when it is aborted", async () => {
  const stop = new AbortController()
  const reason = new AlcidesError({ code: "terminated", message: "ended by SIGTERM" })
  const content = (async function* () {
    yield Buffer.from("half")
    stop.abort(reason)
    yield Buffer.from("the rest")
  })()
  await expect(writeWhole(file, { content, signal: stop.signal })).rejects.toBe(reason)
  await expectUntouched()
})

it("writes into a pipe that is there, and leaves it a pipe", async () => {
  const pipe = join(folder, "pipe")
  execFileSync("mkfifo", [pipe])
  const content = (async function* () {
    yield Buffer.from("through")
  })()
  const [text] = await Promise.all([readFile(pipe, "utf8"), writeWhole(pipe, { content, signal })])
  expect(text).toBe("through")
  expect((await readdir(folder)).sort()).toEqual(["pipe", "state.json"])
})

it("asks for no content when the file is a folder", async () => {
  const content = (async function* () {
    yield Buffer.from("x")
    expect.unreachable("content was asked for")
  })()
  await expect(writeWhole(folder, { content, signal })).rejects.toMatchObject({
    code: "file-not-writable",
    message: `${folder} cannot be written: it is a folder`,
    exit: 2,
  })
  await expectUntouched()
})

it("writes where the shell stands when the file is a descriptor, and leaves it open", async () => {
  const content = (async function* () {
    yield Buffer.from("state ")
  })()
  const handle = await open(join(folder, "collected"), "w")
  await handle.write("header ")
  await writeWhole(`/dev/fd/${handle.fd}`, { content, signal })
  await handle.write("trailer")
  await handle.close()
  expect(await readFile(join(folder, "collected"), "utf8")).toBe("header state trailer")
})

it("does not put a file in the place of a link to nothing", async () => {
  const link = join(folder, "link")
  await symlink("nowhere", link)
  const content = (async function* () {
    yield Buffer.from("x")
  })()
  await expect(writeWhole(link, { content, signal })).rejects.toMatchObject({
    code: "file-not-writable",
    message: `${link} cannot be written: it is a link to a file that does not exist`,
  })
  expect((await lstat(link)).isSymbolicLink()).toBe(true)
})

it("says that the device is full", async () => {
  const content = (async function* () {
    yield Buffer.from("content")
  })()
  await expect(writeWhole("/dev/full", { content, signal })).rejects.toMatchObject({
    code: "file-not-writable",
    message: "/dev/full cannot be written: the disk is full",
    exit: 1,
  })
})

it("removes a file, also behind a symbolic link, and no pipe, device or folder", async () => {
  const [link, pipe] = [join(folder, "link"), join(folder, "pipe")]
  execFileSync("mkfifo", [pipe])
  await symlink("state.json", link)
  for (const path of [link, link, pipe, folder, "/dev/null", join(folder, "nothing")]) await removeWhole(path)
  expect((await readdir(folder)).sort()).toEqual(["link", "pipe"])
  expect((await stat("/dev/null")).isCharacterDevice()).toBe(true)
  await writeFile(file, "")
  await expect(removeWhole(join(file, "below"))).rejects.toMatchObject({ code: "file-not-writable", exit: 2 })
})
