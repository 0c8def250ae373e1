import { homedir } from "node:os"
import { pathToFileURL } from "node:url"
import { inspect } from "node:util"
import { expect, test } from "vitest"
import { openObjects, openStore, stateHome, storeUrl } from "../../src/state/open.ts"

const project = { site: "github", owner: "o", name: "r" }

test("the flag wins over the environment, that over the pipeline file, and that over the user's folder", () => {
  const env = { ALCIDES_STATE: "file:///env", XDG_STATE_HOME: "/xdg", HOME: "/home/alice" }
  expect(storeUrl({ flag: "file:///flag", env, configured: "file:///configured" })).toBe("file:///flag")
  expect(storeUrl({ flag: undefined, env, configured: "file:///configured" })).toBe("file:///env")
  expect(storeUrl({ flag: undefined, env: { ...env, ALCIDES_STATE: "" }, configured: "file:///configured" })).toBe(
    "file:///configured",
  )
  expect(storeUrl({ flag: undefined, env: { XDG_STATE_HOME: "/xdg" }, configured: undefined })).toBe(
    "file:///xdg/alcides",
  )
  expect(storeUrl({ flag: undefined, env: { HOME: "/home/alice" }, configured: undefined })).toBe(
    "file:///home/alice/.local/state/alcides",
  )
})

test("relative folders start where the command was typed", () => {
  expect(storeUrl({ flag: "file:state%20here?create=never", env: {}, configured: undefined, cwd: "/work" })).toBe(
    "file:///work/state%20here?create=never",
  )
  expect(storeUrl({ flag: "s3://bucket/prefix", env: {}, configured: undefined, cwd: "/work" })).toBe(
    "s3://bucket/prefix",
  )
})

test("~ is the user's home, which a shell says only where it sets a variable", () => {
  const at = (flag: string): string =>
    storeUrl({ flag, env: { HOME: "/home/alice" }, configured: undefined, cwd: "/w" })
  expect(at("file:~/state?create=never")).toBe("file:///home/alice/state?create=never")
  expect(at("file:~")).toBe("file:///home/alice")
  expect(at("file:~bob")).toBe("file:///w/%7Ebob")
})

test("what cannot be read is left to the driver, which says so", async () => {
  const url = storeUrl({ flag: "file:%zz", env: {}, configured: undefined })
  await expect(openStore(url, project)).rejects.toMatchObject({ code: "store-url-invalid", exit: 2 })
})

test("a relative XDG_STATE_HOME does not count, as its specification says", () => {
  expect(stateHome({ XDG_STATE_HOME: "state", HOME: "/home/alice" })).toBe("/home/alice/.local/state")
  expect(stateHome({})).toBe(`${homedir()}/.local/state`)
})

test.each([
  ["ftp://host", "store-driver-unknown", "there is no driver for ftp: stores in this version"],
  ["/var/lib/alcides", "store-url-invalid", '"/var/lib/alcides" is no store URL'],
  ["file:", "store-url-invalid", '"file:" is no file: URL: it names no folder'],
  ["file://host/share", "store-url-invalid", expect.stringContaining("is no file: URL")],
  [
    "file:///a?create=maybe",
    "store-url-invalid",
    '"file:///a?…" is no file: URL: create=never is the only option of file:',
  ],
  ["file:///a?creat=never", "store-url-invalid", expect.stringContaining("create=never is the only option of file:")],
  ["file:%zz", "store-url-invalid", expect.stringContaining("is no file: URL")],
])("%s is refused", async (url, code, message) => {
  await expect(openStore(url, project)).rejects.toMatchObject({ code, message, exit: 2, hint: expect.any(String) })
})

test.each([
  ["", "write file:///absolute/folder or s3://BUCKET/PREFIX"],
  ["/var/lib/alcides", "write file:/var/lib/alcides for a folder"],
  ["S3://bucket/Prefix", "write s3://bucket/Prefix: a scheme has small letters"],
])("the hint for %j is %j", async (url, hint) => {
  await expect(openStore(url, project)).rejects.toMatchObject({ code: "store-url-invalid", hint })
})

test.each([
  ["S3://KEY:s3cr3t@bucket/prefix?region=eu", '"S3://***@bucket/prefix?…" is no store URL'],
  ["KEY:s3cr3t@bucket", '"KEY:***@bucket" is no store URL'],
  ["//user:s3cr3t@host/share#s3cr3t", '"//***@host/share#…" is no store URL'],
  ["file://user:s3cr3t@host/share", '"file://***@host/share" is no file: URL: Invalid URL'],
  ["file:///a?token=s3cr3t", '"file:///a?…" is no file: URL: create=never is the only option of file:'],
  ["file:///a?create=s3cr3t", '"file:///a?…" is no file: URL: create=never is the only option of file:'],
  [
    "hercules:https://h.example?token=s3cr3t",
    /^"hercules:https:\/\/h.example\?…" is no hercules: URL: socket is the only option/,
  ],
  ["hercules:https://user:a?s3cr3t#s3cr3t@h.example", /^"hercules:\*\*\*@h.example" is no hercules: URL/],
  ["ftp://user:s3cr3t@host", "there is no driver for ftp: stores in this version"],
  ["s3://KEY:s3cr3t@bucket", "this is no s3: URL: it contains credentials"],
])("no error shows the secret in %s", async (url, message) => {
  const error: unknown = await openStore(url, project, { env: {} }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    message: typeof message === "string" ? message : expect.stringMatching(message),
    hint: expect.any(String),
  })
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3cr3t")
})

test("the hint names the drivers that there are", async () => {
  await expect(openStore("ftp://x", project)).rejects.toMatchObject({
    hint: "this version opens: file:, s3:, hercules:",
  })
})

test("a server with rules of its own is no storage", async () => {
  await expect(openObjects("hercules:")).rejects.toMatchObject({
    code: "store-unsupported",
    exit: 2,
    message: "this cannot be done with a hercules: store: its server has rules of its own for what it stores",
    hint: expect.stringContaining("it works with file:"),
  })
})

test("the store tells its URL", async () => {
  const strict = "file:///some/folder?create=never"
  expect((await openStore(strict, project)).url).toBe(strict)
  expect((await openStore("file:some/folder", project)).url).toBe(pathToFileURL("some/folder").href)
})
