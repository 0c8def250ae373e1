import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as z from "zod"
import { cleanAbandoned } from "../../src/effect/abandoned.ts"
import { createPrivateFolder, type PrivateFolder } from "../../src/effect/private-folder.ts"

let folder: string
let parent: string
let keepIn: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-abandoned-"))
  parent = join(folder, "private")
  keepIn = join(folder, "kept")
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const make = () => createPrivateFolder({ parent, effect: "deploy", project: "github/o/n", keepIn })
const clean = () => cleanAbandoned({ parent, keepIn })
const ownerSchema = z.looseObject({ pid: z.int(), started: z.string(), machine: z.string() })

// As if the process that made it had been killed: the number is in use again, by one that began at another time.
async function abandon({ path }: PrivateFolder, fields: Partial<z.infer<typeof ownerSchema>> = {}): Promise<void> {
  const file = join(path, "owner.json")
  const owner = ownerSchema.parse(JSON.parse(await readFile(file, "utf8")))
  await writeFile(file, JSON.stringify({ ...owner, started: "1", ...fields }))
}

describe("cleanAbandoned", () => {
  it("does nothing where there is nothing", async () => {
    expect(await clean()).toEqual([])
  })

  it("removes the folder of a run that is gone, and leaves living runs and other machines alone", async () => {
    const [gone, living, elsewhere] = [await make(), await make(), await make()]
    await writeFile(join(gone.home, "token"), "hunter2")
    await abandon(gone)
    await abandon(elsewhere, { machine: "another" })
    expect(await clean()).toEqual([])
    expect([gone, living, elsewhere].map(({ path }) => existsSync(path))).toEqual([false, true, true])
    expect((await readdir(parent)).length).toBe(2)
  })

  it("keeps it where the killed run would have, and its next one looks, whatever HOME the one who cleans has", async () => {
    const gone = await make()
    await writeFile(join(gone.state, "deployments.nixops"), "sqlite")
    await gone.markStateOpen()
    await abandon(gone)
    const [salvaged] = await cleanAbandoned({ parent, keepIn: join(folder, "elsewhere") })
    expect(salvaged?.kept.startsWith(join(keepIn, "github-o-n"))).toBe(true)
    expect(existsSync(join(folder, "elsewhere"))).toBe(false)
  })

  it("keeps the state of a run that was killed before it was put, for its owner alone, and names it", async () => {
    const gone = await make()
    await writeFile(join(gone.state, "deployments.nixops"), "sqlite")
    await gone.markStateOpen()
    await abandon(gone)
    const [salvaged, ...others] = await clean()
    expect(others).toEqual([])
    expect(salvaged).toMatchObject({ effect: "deploy", kept: expect.stringMatching(/-deploy-\w+$/) })
    const kept = salvaged?.kept ?? ""
    expect(await readFile(join(kept, "deployments.nixops"), "utf8")).toBe("sqlite")
    expect((await stat(kept)).mode & 0o777).toBe(0o700)
    expect((await stat(keepIn)).mode & 0o777).toBe(0o700)
    expect(await readdir(keepIn)).toEqual(["github-o-n"])
    expect(await readdir(parent)).toEqual([])
    expect(await clean()).toEqual([])
  })

  it("keeps nothing when the state was safe, or when there was none", async () => {
    const [safe, none] = [await make(), await make()]
    await writeFile(join(safe.state, "db"), "put")
    await safe.markStateOpen()
    await safe.markStateSafe()
    await mkdir(join(none.state, "files"))
    await none.markStateOpen()
    await Promise.all([abandon(safe), abandon(none)])
    expect(await clean()).toEqual([])
    expect(await readdir(parent)).toEqual([])
    expect(existsSync(keepIn)).toBe(false)
  })

  it("ends what the run left running", async () => {
    const gone = await make()
    const left = spawn("sleep", ["60"], { env: { PATH: process.env["PATH"], HOME: gone.home }, stdio: "ignore" })
    const ended = new Promise((resolve) => left.once("exit", (_, signal) => resolve(signal)))
    await abandon(gone)
    await clean()
    expect(await ended).toBe("SIGTERM")
  })

  it("keeps each state once, however many runs clean at the same time", async () => {
    for (let run = 0; run < 5; run++) {
      const gone = await make()
      for (let file = 0; file < 20; file++) await writeFile(join(gone.state, String(file)), "x".repeat(10_000))
      await gone.markStateOpen()
      await abandon(gone)
    }
    const salvaged = (await Promise.all(Array.from({ length: 6 }, clean))).flat()
    expect(salvaged.length).toBe(5)
    for (const { kept } of salvaged) expect((await readdir(kept)).length).toBe(20)
    expect(await readdir(parent)).toEqual([])
  })

  it("goes on where a cleaning run was killed, and not where it lives", async () => {
    const gone = await make()
    await writeFile(join(gone.state, "db"), "state")
    await gone.markStateOpen()
    await abandon(gone)
    const living = (await readFile("/proc/self/stat", "utf8")).split(") ")[1]?.split(" ")[19]
    const claimed = `${gone.path}.cleaned-by-${process.pid}-${living}`
    await rename(gone.path, claimed)
    expect(await clean()).toEqual([])
    expect(existsSync(claimed)).toBe(true)
    await rename(claimed, `${gone.path}.cleaned-by-${process.pid}-1`)
    expect(await clean()).toMatchObject([{ effect: "deploy" }])
    expect(await readdir(parent)).toEqual([])
  })

  it("removes no state that it could not keep", async () => {
    const gone = await make()
    await writeFile(join(gone.home, "token"), "hunter2")
    await writeFile(join(gone.state, "db"), "state")
    await gone.markStateOpen()
    await abandon(gone)
    await writeFile(keepIn, "in the way of a folder")
    await expect(clean()).rejects.toMatchObject({ code: "state-not-kept" })
    const [left = ""] = await readdir(parent)
    expect(await readFile(join(parent, left, "state", "db"), "utf8")).toBe("state")
    expect(existsSync(join(parent, left, "home"))).toBe(false)
  })

  it("leaves alone what is none of ours", async () => {
    await mkdir(join(parent, "else"), { recursive: true })
    await writeFile(join(parent, "file"), "")
    await chmod(parent, 0o700)
    expect(await clean()).toEqual([])
    expect((await readdir(parent)).toSorted()).toEqual(["else", "file"])
  })
})
