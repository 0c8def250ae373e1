import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { writeSshWrappers } from "../../src/effect/ssh-home.ts"
import { runProgram } from "../../src/exec.ts"

let home: string
beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), "alcides ssh-")), "it's home")
  await mkdir(home)
})
afterEach(() => rm(join(home, ".."), { recursive: true, force: true }))

const path = process.env["PATH"] ?? ""

async function settings(bin: string, args: readonly string[] = []): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout } = await runProgram("ssh", ["-G", ...args, "example.org"], {
    env: { PATH: `${bin}:${path}`, HOME: home },
  })
  const found = new Map<string, string[]>()
  for (const line of stdout.split("\n")) {
    const [name = "", ...value] = line.split(" ")
    found.set(name, [...(found.get(name) ?? []), value.join(" ")])
  }
  return found
}

describe("writeSshWrappers", () => {
  it("makes ssh use the keys and known hosts of the private HOME, and ask nobody", async () => {
    const found = await settings(await writeSshWrappers({ home, path }))
    expect(found.get("userknownhostsfile")).toEqual([join(home, ".ssh", "known_hosts")])
    expect(found.get("batchmode")).toEqual(["yes"])
    expect(found.get("identityfile")).toEqual(
      ["id_rsa", "id_ed25519", "id_ecdsa"].map((name) => join(home, ".ssh", name)),
    )
  })

  it("honours what the effect writes into .ssh/config, and the arguments of the program", async () => {
    const bin = await writeSshWrappers({ home, path })
    await writeFile(join(home, ".ssh", "config"), "Host example.org\n  Port 2222\n  User deploy\n")
    const found = await settings(bin, ["-o", "ConnectTimeout=7"])
    expect(found.get("port")).toEqual(["2222"])
    expect(found.get("user")).toEqual(["deploy"])
    expect(found.get("connecttimeout")).toEqual(["7"])
    expect(found.get("batchmode")).toEqual(["yes"])
  })

  it("wraps what is on PATH, and writes no wrapper for what is not", async () => {
    const bin = await writeSshWrappers({ home, path: join(home, "empty") })
    await expect(readFile(join(bin, "ssh"))).rejects.toThrow("ENOENT")
  })
})
