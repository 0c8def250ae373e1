import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { listen, parseAddress } from "../../../src/state/server/address.ts"
import { freePorts } from "../../support/free-ports.ts"

const fresh = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "alcides-address-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const server = (): Server => {
  const made = createServer((_, response) => response.end("hello"))
  onTestFinished(() => void made.close())
  return made
}

describe("an address", () => {
  test.each([
    ["127.0.0.1:8080", { kind: "tcp", host: "127.0.0.1", port: 8080 }],
    ["127.1.2.3:0", { kind: "tcp", host: "127.1.2.3", port: 0 }],
    ["[::1]:65535", { kind: "tcp", host: "::1", port: 65_535 }],
    ["unix:/run/a b.sock", { kind: "unix", path: "/run/a b.sock" }],
  ])("is read: %s", (text, expected) => {
    expect(parseAddress(text)).toEqual(expected)
  })

  test.each([
    "0.0.0.0:80",
    "[::]:80",
    "localhost:80",
    "192.168.1.1:80",
    "example.com:80",
    ":80",
    "127.0.0.1.evil.org:80",
    "[::ffff:10.0.0.1]:80",
    "[127.0.0.1]:80",
  ])("of another machine is refused: %s", (text) => {
    expect(() => parseAddress(text)).toThrow(
      expect.objectContaining({
        code: "serve-address-invalid",
        exit: 2,
        message: expect.stringContaining("only addresses of this machine"),
      }),
    )
  })

  test.each([
    "",
    "80",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:70000",
    "127.0.0.1:-1",
    "unix:",
    "http://127.0.0.1:80",
    "::1:80",
  ])("that is none is refused: %s", (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: "serve-address-invalid", exit: 2 }))
  })
})

describe("a socket", () => {
  test("is its owner's alone, and goes with its server", async () => {
    const path = join(await fresh(), "s.sock")
    const before = process.umask()
    const made = server()
    expect(await listen(made, { kind: "unix", path })).toBe(`unix:${path}`)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(process.umask()).toBe(before)
    made.close()
    await once(made, "close")
    await expect(stat(path)).rejects.toThrow("ENOENT")
  })

  test("of a dead server is replaced", async () => {
    const folder = await fresh()
    const path = join(folder, "s.sock")
    const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
    await once(child.stdout, "data")
    child.kill("SIGKILL")
    await once(child, "exit")
    expect((await stat(path)).isSocket()).toBe(true)
    await listen(server(), { kind: "unix", path })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(["s.sock"])
  })

  test("of a live server is left to it", async () => {
    const path = join(await fresh(), "s.sock")
    await listen(server(), { kind: "unix", path })
    const { ino } = await stat(path)
    await expect(listen(server(), { kind: "unix", path })).rejects.toMatchObject({
      code: "serve-address-taken",
      exit: 2,
    })
    expect((await stat(path)).ino).toBe(ino)
  })

  test.each(["a file", "a folder", "a link"])("is not put in the place of %s", async (kind) => {
    const folder = await fresh()
    const path = kind === "a folder" ? folder : join(folder, "s.sock")
    if (kind === "a file") await writeFile(path, "precious")
    if (kind === "a link") await symlink("/nowhere", path)
    await expect(listen(server(), { kind: "unix", path })).rejects.toMatchObject({
      code: "serve-address-taken",
      message: `${path} is there already, and is no socket`,
      hint: "choose another path; what is there was left alone",
    })
  })

  test.each([
    ["a folder that is not there", "/none/s.sock"],
    ["a path that is too long", `/${"x".repeat(120)}.sock`],
  ])("cannot be made in %s", async (_, name) => {
    const path = (await fresh()) + name
    await expect(listen(server(), { kind: "unix", path })).rejects.toMatchObject({ code: "serve-failed", exit: 1 })
  })
})

describe("a port", () => {
  test("is told, and taken by one", async () => {
    const [port = 0] = await freePorts(1)
    const address = { kind: "tcp", host: "127.0.0.1", port } as const
    expect(await listen(server(), address)).toBe(`http://127.0.0.1:${port}`)
    await expect(listen(server(), address)).rejects.toMatchObject({
      code: "serve-address-taken",
      message: `http://127.0.0.1:${port} is in use`,
    })
  })

  test("0 is one that is free", async () => {
    const url = await listen(server(), { kind: "tcp", host: "127.0.0.1", port: 0 })
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/)
    expect(await (await fetch(url)).text()).toBe("hello")
  })
})
