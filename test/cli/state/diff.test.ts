import { describe, expect, it } from "vitest"
import { keyPair } from "../../state/support/age.ts"
import { bytes } from "../../state/support/content.ts"
import { projectFolder, type ProjectFolder } from "./project-folder.ts"

const name = "nixops-foo.json"
const writer = { by: "alice@ci" }

async function withVersions(...contents: readonly string[]): Promise<ProjectFolder> {
  const at = await projectFolder()
  for (const content of contents) await at.store.put(name, bytes(content, 1000), { base: "current", writer })
  return at
}

describe("state diff", () => {
  it("shows what the current version changed, value by value, without secrets", async () => {
    const { alcides } = await withVersions(
      JSON.stringify({ web: { ip: "10.0.0.1", privateKey: "old" }, gone: 1 }),
      JSON.stringify({ web: { ip: "10.0.0.2", privateKey: "new" }, db: { id: "i-2\u001b[2J" } }),
    )
    const { exit, stdout, stderr } = await alcides(["state", "diff", "--name", name])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" })
    expect(stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, "TIME").split("\n")).toEqual([
      `--- ${name} version 1, TIME, alice@ci`,
      `+++ ${name} version 2, TIME, alice@ci`,
      '~ .web.ip: "10.0.0.1" -> "10.0.0.2"',
      "~ .web.privateKey: *** -> ***",
      "- .gone: 1",
      '+ .db.id: "i-2\\u001b[2J"',
      "",
    ])
  })

  it("compares the versions that are named, the current one with one that is, in either direction", async () => {
    const { alcides } = await withVersions('{"a":1}', '{"a":2}', '{"a":3}')
    const lines = async (...versions: string[]): Promise<string | undefined> =>
      (await alcides(["state", "diff", "--name", name, ...versions])).stdout.split("\n")[2]
    expect(await lines()).toBe("~ .a: 2 -> 3")
    expect(await lines("1")).toBe("~ .a: 1 -> 3")
    expect(await lines("1", "2")).toBe("~ .a: 1 -> 2")
    expect(await lines("3", "1")).toBe("~ .a: 3 -> 1")
  })

  it("says with --exit-code whether they differ", async () => {
    const { alcides } = await withVersions('{"a":1}', '{"a":2}', '{"a":1}')
    const exit = async (...args: string[]): Promise<number> =>
      (await alcides(["state", "diff", "--name", name, "--exit-code", ...args])).exit
    expect(await exit()).toBe(1)
    expect(await exit("1", "3")).toBe(0)
    expect((await alcides(["state", "diff", "--name", name, "1", "3"])).stderr).toBe(
      `state ${name}: versions 1 and 3 have the same content\n`,
    )
  })

  it("says that no value differs when only their writing does", async () => {
    const { alcides } = await withVersions('{"a":1,"b":2}', '{ "b": 2, "a": 1 }\n')
    expect(await alcides(["state", "diff", "--name", name, "--exit-code"])).toMatchObject({
      exit: 1,
      stderr: `state ${name}: no value differs; the order of keys, blanks, or how a number is written does\n`,
    })
  })

  it("compares what is no JSON, or too deep, by its hash", async () => {
    const deep = 1_000_000
    const { alcides } = await withVersions("a text", '{"a":1}', "[".repeat(deep) + "]".repeat(deep))
    const first = await alcides(["state", "diff", "--name", name, "1", "2"])
    expect(first.stdout).toMatch(/\n- 6 B, sha256 [0-9a-f]{64}\n\+ 7 B, sha256 [0-9a-f]{64}\n$/)
    expect((await alcides(["state", "diff", "--name", name])).stdout).toMatch(/\n- 7 B, sha256 .*\n\+ 1\.9 MiB, sha256/)
  })

  it("does not tell the hash of what is encrypted in the store: who guesses it would know", async () => {
    const { alcides, env } = await projectFolder()
    const { identity, recipient } = await keyPair()
    const keys = { env: { ...env, ALCIDES_AGE_RECIPIENTS: recipient, ALCIDES_AGE_IDENTITY: identity } }
    for (const input of ["hunter2", "swordfish"])
      await alcides(["state", "put", "--name", name, "--file", "-"], { ...keys, input })
    const { stdout } = await alcides(["state", "diff", "--name", name], keys)
    expect(stdout).toMatch(/\n- 7 B, encrypted\n\+ 9 B, encrypted\n$/)
    const told = JSON.parse((await alcides(["state", "diff", "--name", name, "--json"], keys)).stdout)
    expect(told).toMatchObject({ differs: true, from: { version: 1, size: 7 }, to: { version: 2, size: 9 } })
    expect(told.from).not.toHaveProperty("sha256")
    expect(told.to).not.toHaveProperty("sha256")
  })

  it("prints an object with --json", async () => {
    const { alcides } = await withVersions('{"a":"[1]","token":"x"}', '{"a":"[2]","token":"y"}', "text")
    const { stdout } = await alcides(["state", "diff", "--name", name, "1", "2", "--json"])
    expect(JSON.parse(stdout)).toMatchObject({
      name,
      from: { version: 1, size: 23, writer },
      to: { version: 2, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      differs: true,
      differences: [
        { kind: "changed", path: ".a | fromjson | .[0]", before: 1, after: 2 },
        { kind: "changed", path: ".token", before: "***", after: "***" },
      ],
    })
    const opaque = JSON.parse((await alcides(["state", "diff", "--name", name, "--json"])).stdout)
    expect(opaque).toMatchObject({ differs: true })
    expect(opaque).not.toHaveProperty("differences")
  })

  it("passes over what was deleted or pruned in between, and says what it cannot compare", async () => {
    const { alcides, store } = await withVersions('{"a":1}')
    const fails = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await alcides(["state", "diff", "--name", name, "--json", ...args])).stderr).error
    expect(await fails()).toMatchObject({
      code: "state-version-absent",
      exit: 1,
      message: `state file ${name} has one version with content, 1: there is nothing to compare it with`,
    })
    await store.delete(name, { writer })
    expect(await fails()).toMatchObject({ code: "state-absent" })
    await store.put(name, bytes('{"a":3}'), { base: "absent", writer })
    expect((await alcides(["state", "diff", "--name", name])).stdout).toContain("~ .a: 1 -> 3")
    expect(await fails("1", "2")).toMatchObject({ code: "state-version-absent" })
    expect(await fails("7")).toMatchObject({ code: "state-version-absent" })
    expect(await fails("seven")).toMatchObject({ code: "version-invalid", exit: 2 })
    expect((await alcides(["state", "diff", "--name", "none"])).stderr).toContain("there is no state file none")
  })
})
