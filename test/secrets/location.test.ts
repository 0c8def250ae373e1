import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { dir } from "tmp-promise"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { locateSecrets, readSecrets } from "../../src/secrets/location.ts"

let root = ""
let remove = async (): Promise<void> => {}

beforeAll(async () => {
  const folder = await dir({ unsafeCleanup: true })
  root = folder.path
  remove = folder.cleanup
})
afterAll(() => remove())

const project = { site: "github", owner: "neat-org" }
const cwd = "/somewhere"

async function write(path: string, text = "{}"): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return path
}

describe("locateSecrets", () => {
  const everything = {
    ALCIDES_SECRETS: "{}",
    ALCIDES_SECRETS_JSON: "a.json",
    HERCULES_CI_SECRETS_JSON: "/h.json",
    XDG_CONFIG_HOME: "/xdg",
    HOME: "/home/me",
  }

  test("the flag comes first", () => {
    const location = locateSecrets({ flag: "mine.json", env: everything, cwd, project })
    expect(location).toEqual({ kind: "file", path: "/somewhere/mine.json", namedBy: "--secrets" })
  })

  test("then the text itself", () => {
    const location = locateSecrets({ env: everything, cwd, project })
    expect(location).toMatchObject({ kind: "text", label: "ALCIDES_SECRETS" })
    expect(JSON.stringify(location)).toContain('"***"')
  })

  test("then the paths in the environment; what is empty is not set", () => {
    const env = { ...everything, ALCIDES_SECRETS: "" }
    expect(locateSecrets({ env, cwd, project })).toMatchObject({
      path: "/somewhere/a.json",
      namedBy: "ALCIDES_SECRETS_JSON",
    })
    expect(locateSecrets({ env: { ...env, ALCIDES_SECRETS_JSON: "" }, cwd, project })).toMatchObject({
      path: "/h.json",
    })
  })

  test("then the owner's own file", () => {
    const env = { XDG_CONFIG_HOME: "/xdg", HOME: "/home/me" }
    expect(locateSecrets({ env, cwd, project })).toMatchObject({
      path: "/xdg/alcides/secrets/github/neat-org/secrets.json",
    })
    expect(locateSecrets({ env: { ...env, XDG_CONFIG_HOME: "relative" }, cwd, project })).toMatchObject({
      path: "/home/me/.config/alcides/secrets/github/neat-org/secrets.json",
    })
  })

  test("a slash in an owner makes no folder", () => {
    const env = { XDG_CONFIG_HOME: "/xdg" }
    for (const owner of ["group/sub", "group%2Fsub"]) {
      expect(locateSecrets({ env, cwd, project: { site: "gitlab", owner } })).toMatchObject({
        path: "/xdg/alcides/secrets/gitlab/group_sub/secrets.json",
      })
    }
  })

  test("Hercules CI's file counts when there is no own one", async () => {
    const env = { XDG_CONFIG_HOME: join(root, "config") }
    const hercules = await write(join(root, "config/hercules-ci/secrets/github/neat-org/secrets.json"))
    expect(locateSecrets({ env, cwd, project })).toMatchObject({ path: hercules })
    const own = await write(join(root, "config/alcides/secrets/github/neat-org/secrets.json"))
    expect(locateSecrets({ env, cwd, project })).toMatchObject({ path: own })
  })

  test("without a project nobody can tell", () => {
    expect(locateSecrets({ env: {}, cwd, project: { site: null, owner: null } })).toEqual({ kind: "unknown" })
  })
})

describe("readSecrets", () => {
  const text = '{"a": {"kind": "Secret", "data": {}, "condition": true}}'
  const read = (options: Partial<Parameters<typeof locateSecrets>[0]>) =>
    readSecrets(locateSecrets({ env: {}, cwd: root, project, ...options }))

  test("reads a file", async () => {
    const path = await write(join(root, "secrets.json"), text)
    const { label, missing, entries } = await read({ flag: "secrets.json" })
    expect({ label, missing, names: [...entries.keys()] }).toEqual({ label: path, missing: false, names: ["a"] })
  })

  test("reads the environment's text", async () => {
    const { label, entries } = await read({ env: { ALCIDES_SECRETS: text } })
    expect({ label, names: [...entries.keys()] }).toEqual({ label: "ALCIDES_SECRETS", names: ["a"] })
    await expect(read({ env: { ALCIDES_SECRETS: '{"a": s3cret}' } })).rejects.toMatchObject({
      code: "json-invalid",
      message: "ALCIDES_SECRETS:1:7: expected a value (a)",
    })
  })

  test("a missing file has no secrets", async () => {
    expect(await read({ env: { ALCIDES_SECRETS_JSON: "none.json" } })).toMatchObject({
      label: join(root, "none.json"),
      missing: true,
    })
    expect(await read({ project: { site: null, owner: null } })).toMatchObject({ label: "secrets.json", missing: true })
  })

  test("a missing file that the command line names is a mistake", async () => {
    await expect(read({ flag: "none.json" })).rejects.toMatchObject({
      code: "secrets-file-missing",
      exit: 2,
      message: `there is no secrets file ${join(root, "none.json")}`,
      hint: "make one with alcides secret init-local, or give --secrets FILE or ALCIDES_SECRETS",
    })
  })

  test("what cannot be read is said", async () => {
    await expect(read({ flag: "." })).rejects.toMatchObject({
      code: "secrets-file-unreadable",
      exit: 1,
      message: expect.stringMatching(/^cannot read .*: EISDIR/),
      hint: "it must be a file that you may read",
    })
  })
})
