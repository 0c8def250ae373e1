import { createReadStream } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { assertNothingKept, holdsFiles, keepFolder } from "../../src/effect/kept-folder.ts"
import { mkEffect } from "../../src/effect/mk-effect.ts"
import { keepFile, keptFolderOf } from "../../src/state/kept.ts"
import { encryptionFor, keyPair } from "../state/support/age.ts"
import { textOf } from "../state/support/content.ts"

let folder: string
let dir: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-kept-"))
  dir = join(folder, "kept")
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const project = "github/o/n"
const effect = mkEffect({ name: "deploy", state: "db.json", effect: () => {} })
const check = () => assertNothingKept(effect, { dir, project })

async function keepAll(name: string, from = project): Promise<string> {
  const source = join(folder, "state")
  await mkdir(source, { recursive: true })
  await writeFile(join(source, "database"), "")
  return keepFolder({ source, effect: name, dir: keptFolderOf({ dir, project: from }) })
}

async function keepOne(name: string): Promise<string> {
  const source = join(folder, "file")
  await writeFile(source, "")
  return keepFile({
    source,
    name,
    project: { site: "github", owner: "o", name: "n" },
    store: "file:///nowhere",
    base: 1,
    writer: { by: "alice@ci" },
    error: new Error("why"),
    dir,
  })
}

describe("keepFolder", () => {
  it("keeps each file encrypted where state is, and everything else as it is", async () => {
    const alice = await keyPair()
    const encryption = await encryptionFor({ recipients: [alice], identities: [alice] })
    const source = join(folder, "state")
    await mkdir(join(source, "deep", "empty"), { recursive: true })
    await writeFile(join(source, "deep", "database"), "planted")
    await symlink("deep/database", join(source, "link"))
    const kept = await keepFolder({ source, effect: "deploy", dir, encryption })
    expect((await readdir(kept, { recursive: true })).toSorted()).toEqual([
      "deep",
      "deep/database.age",
      "deep/empty",
      "link",
    ])
    const path = join(kept, "deep", "database.age")
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await readFile(path)).includes("planted")).toBe(false)
    const clear = encryption.decrypt(createReadStream(path), { where: path, recipients: [] })
    expect(await textOf(clear)).toBe("planted")
    const reading = await encryptionFor({ identities: [alice] })
    const asIs = await keepFolder({ source, effect: "deploy", dir, encryption: reading })
    expect(await readFile(join(asIs, "deep", "database"), "utf8")).toBe("planted")
  })
})

describe("assertNothingKept", () => {
  it("lets an effect go on that left nothing behind, whatever others did", async () => {
    await check()
    await keepAll("deploy-other")
    await keepAll("other")
    await keepAll("deploy", "github/o/another")
    await keepOne("other.json")
    await check()
  })

  it("does not take a place that cannot be looked into for an empty one", async () => {
    await mkdir(dir)
    await writeFile(keptFolderOf({ dir, project }), "in the way of a folder")
    await expect(check()).rejects.toMatchObject({ code: "state-kept-unreadable" })
    await expect(holdsFiles(keptFolderOf({ dir, project }))).rejects.toMatchObject({ code: "ENOTDIR" })
    expect(await holdsFiles(join(folder, "absent"))).toBe(false)
  })

  it("stops an effect whose state an earlier run could not even write", async () => {
    const kept = await keepAll("deploy")
    await expect(check()).rejects.toMatchObject({
      code: "state-kept",
      exit: 7,
      message: `an earlier run of deploy could not put its state, and what it knew is still in ${kept}`,
      hint: expect.stringMatching(
        /^put what is in it into the store, .* `alcides state put`; for NixOps, see the guide/,
      ),
    })
    await rm(kept, { recursive: true })
    await check()
  })

  it("stops an effect whose state file could not be put", async () => {
    const kept = await keepOne("db.json")
    await expect(check()).rejects.toMatchObject({
      code: "state-kept",
      exit: 7,
      hint: `look at it, then: alcides state recover --file ${kept}`,
    })
    await rm(kept)
    await check()
  })
})
