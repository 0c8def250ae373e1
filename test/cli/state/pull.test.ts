import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { openStore } from "../../../src/state/open.ts"
import { bytes } from "../../state/support/content.ts"
import { servedStorage } from "../../state/support/hercules-server.ts"
import { project, projectFolder, type ProjectFolder } from "./project-folder.ts"

const writer = { by: "alice@ci" }

async function filled(): Promise<ProjectFolder> {
  const at = await projectFolder()
  for (const text of ["one", "two"]) await at.store.put("a.json", bytes(text), { base: "current", writer })
  await at.store.put("b.json", bytes("{}"), { base: "absent", writer })
  return at
}

describe("state pull", () => {
  it("makes a copy that is a store, brings it up to date, and says what it did", async () => {
    const { alcides, store } = await filled()
    const pull = async (...flags: string[]) => alcides(["state", "pull", "--to", "backup", ...flags])
    const first = await pull()
    expect({ ...first, stderr: first.stderr.split("\n").toSorted() }).toEqual({
      exit: 0,
      stdout: "",
      stderr: [
        "",
        "state a.json: copied versions 1-2, 6 B; 2 versions verified",
        "state b.json: copied version 1, 2 B; 1 version verified",
      ],
    })
    expect((await alcides(["state", "list", "--store", "file:backup", "--json"])).stdout).toBe(
      (await alcides(["state", "list", "--json"])).stdout,
    )
    await store.put("b.json", bytes("[]"), { base: 1, writer })
    expect(JSON.parse((await pull("--json")).stdout)).toEqual([
      { name: "a.json", copied: [], bytes: 0, versions: 2 },
      { name: "b.json", copied: [2], bytes: 2, versions: 2 },
    ])
    expect((await pull()).stderr).toContain("state a.json: nothing new, 2 versions verified\n")
  })

  it("takes no lease that the program around it holds in the store it copies from", async () => {
    const { alcides, env } = await filled()
    const lease = (await alcides(["lock", "acquire", "--name", "production"])).stdout.trim()
    const inside = { env: { ...env, ALCIDES_LOCK_LEASE_ID: lease } }
    expect((await alcides(["state", "pull", "--to", "file:backup"], inside)).exit).toBe(0)
  })

  it("refuses a copy that went on by itself, a folder with something else, and a URL that is none", async () => {
    const { alcides, folder, store } = await filled()
    await alcides(["state", "pull", "--to", "backup"])
    const backup = await openStore(pathToFileURL(join(folder, "backup")).href, project)
    await backup.put("a.json", bytes("theirs"), { base: 2, writer: { by: "dave" } })
    await store.put("b.json", bytes("[]"), { base: 1, writer })
    const pull = async (to: string): Promise<unknown> =>
      JSON.parse((await alcides(["state", "pull", "--to", to, "--json"])).stderr).error
    expect(await pull("backup")).toMatchObject({
      code: "state-diverged",
      message: expect.stringContaining("has version 3, by dave at "),
    })
    expect((await backup.get("b.json"))?.version.version).toBe(2)
    expect(await pull(".")).toMatchObject({ code: "store-folder-in-use" })
    expect(await pull("ftp://x")).toMatchObject({ code: "store-driver-unknown" })
    expect(await pull("hercules:")).toMatchObject({ code: "store-unsupported" })
    expect(await pull("S3://bucket/prefix")).toMatchObject({
      code: "store-url-invalid",
      hint: expect.stringContaining("a scheme has small letters"),
    })
  })
})

describe("state push", () => {
  it("brings a copy into an empty store", async () => {
    const { alcides } = await filled()
    await alcides(["state", "pull", "--to", "backup"])
    const push = ["state", "push", "--from", "backup", "--store", "file:restored"]
    expect((await alcides(push)).exit).toBe(0)
    expect((await alcides(["state", "history", "--name", "a.json", "--json", "--store", "file:restored"])).stdout).toBe(
      (await alcides(["state", "history", "--name", "a.json", "--json"])).stdout,
    )
  })

  it("brings home what Hercules CI has", async () => {
    const { alcides, env } = await projectFolder()
    const server = await servedStorage()
    onTestFinished(server.remove)
    await (await server.open(project)).put("a.json", bytes("one"), { base: "absent", writer })
    const inside = { env: { ...env, ...server.env } }
    expect(await alcides(["state", "push", "--from", server.url], inside)).toEqual({
      exit: 0,
      stdout: "",
      stderr: "state a.json: copied version 1, 3 B; 1 version verified\n",
    })
    expect((await alcides(["state", "get", "--name", "a.json", "--file", "-"])).stdout).toBe("one")
  })

  it("writes nothing while somebody else holds the state file, but beside the lease of the program around it", async () => {
    const { alcides, env, store } = await filled()
    await alcides(["state", "pull", "--to", "backup"])
    const backup = ["--store", "file:backup"]
    const put = ["state", "put", "--name", "a.json", "--file", "-", ...backup]
    expect((await alcides(put, { input: "three" })).exit).toBe(0)
    const lease = (await alcides(["lock", "acquire", "--name", "alcides.state.a.json"])).stdout.trim()
    const push = ["state", "push", "--from", "backup", "--no-wait"]
    expect(await alcides(push)).toMatchObject({ exit: 6, stderr: expect.stringContaining("was not obtained") })
    expect((await store.get("a.json"))?.version.version).toBe(2)
    expect((await alcides(push, { env: { ...env, ALCIDES_LOCK_LEASE_ID: lease } })).exit).toBe(0)
    expect((await store.get("a.json"))?.version.version).toBe(3)
  })

  it("says that there is no store to copy from, and no such project in it", async () => {
    const { alcides } = await filled()
    const push = async (...flags: string[]): Promise<unknown> =>
      JSON.parse((await alcides(["state", "push", "--json", ...flags])).stderr).error
    expect(await push("--from", "nowhere")).toMatchObject({ code: "store-missing" })
    await alcides(["state", "pull", "--to", "backup"])
    expect(await push("--from", "backup", "--project", "github/neat-org/other")).toMatchObject({
      code: "state-absent",
      message: expect.stringContaining("there are no state files of github/neat-org/other at file:"),
    })
    expect(await push("--from", "backup", "--store", "hercules:")).toMatchObject({ code: "store-unsupported" })
  })
})
