import { describe, expect, it } from "vitest"
import { bytes } from "../../state/support/content.ts"
import { projectFolder, type ProjectFolder } from "./project-folder.ts"

const writer = { by: "alice@ci" }

/** `a.json` with three versions and `b.json` with two and a deletion. */
async function filled(): Promise<ProjectFolder> {
  const at = await projectFolder()
  for (const text of ["one", "two", "three"]) await at.store.put("a.json", bytes(text), { base: "current", writer })
  for (const text of ["1", "2"]) await at.store.put("b.json", bytes(text), { base: "current", writer })
  await at.store.delete("b.json", { writer })
  return at
}

const versionsOf = async ({ store }: ProjectFolder, name: string): Promise<readonly number[] | undefined> =>
  (await store.history(name))?.map(({ version }) => version)

describe("state prune", () => {
  it("removes what no rule keeps, and says what and how much", async () => {
    const at = await filled()
    const prune = (...flags: string[]) => at.alcides(["state", "prune", "--name", "a.json", ...flags])
    expect(await prune("--keep-last", "1", "--dry-run")).toEqual({
      exit: 0,
      stdout: "",
      stderr: "state a.json: would prune versions 1-2, and free 6 B\n",
    })
    expect(await versionsOf(at, "a.json")).toEqual([3, 2, 1])
    expect(await prune("--keep-last", "2")).toEqual({
      exit: 0,
      stdout: "",
      stderr: "state a.json: pruned version 1, 3 B freed\n",
    })
    expect((await prune("--keep-last", "1", "--keep-days", "1")).stderr).toBe("state a.json: nothing to prune\n")
    expect(await versionsOf(at, "a.json")).toEqual([3, 2])
    expect((await at.store.locks()).flatMap(({ leases }) => leases)).toEqual([])
  })

  it("prunes every state file with --all, also those that were deleted", async () => {
    const at = await filled()
    expect((await at.alcides(["state", "prune", "--all", "--keep-last", "1"])).stderr).toBe(
      "state a.json: pruned versions 1-2, 6 B freed\nstate b.json: pruned version 1, 1 B freed\n",
    )
    expect(await versionsOf(at, "b.json")).toEqual([3, 2])
  })

  it("prints an array with --json", async () => {
    const at = await filled()
    const args = ["state", "prune", "--all", "--keep-last", "2", "--json"]
    expect(JSON.parse((await at.alcides([...args, "--dry-run"])).stdout)).toMatchObject([
      { name: "a.json", removed: [{ version: 1, writer }], bytes: 3 },
      { name: "b.json", removed: [], bytes: 0 },
    ])
    expect(JSON.parse((await at.alcides(args)).stdout)).toMatchObject([{ removed: [{ version: 1 }] }, { removed: [] }])
  })

  it("says of a pruned version that it was pruned", async () => {
    const at = await filled()
    await at.alcides(["state", "prune", "--name", "a.json", "--keep-last", "1"])
    const named = (await at.alcides(["state", "get", "--name", "a.json", "--file", "-", "--version", "2"])).stderr
    expect(named).toContain("alcides: version 2 of state file a.json was pruned from github/neat-org/neat-repo at ")
    const never = (await at.alcides(["state", "get", "--name", "a.json", "--file", "-", "--version", "9"])).stderr
    expect(never).toContain("alcides: state file a.json has no version 9 with content in ")
    const back = await at.alcides(["state", "rollback", "--name", "a.json", "--to", "2"])
    expect(back).toMatchObject({ exit: 1, stderr: expect.stringContaining('version 2 of "a.json" was pruned') })
  })

  it("removes nothing while somebody else holds the state file", async () => {
    const at = await filled()
    const lock = ["lock", "acquire", "--name", "alcides.state.a.json"]
    const lease = (await at.alcides(lock)).stdout.trim()
    const args = ["state", "prune", "--name", "a.json", "--keep-last", "1", "--no-wait"]
    expect(await at.alcides(args)).toMatchObject({ exit: 6, stderr: expect.stringContaining("was not obtained") })
    const inside = { env: { ...at.env, ALCIDES_LOCK_LEASE_ID: lease } }
    expect(await at.alcides(args, inside)).toMatchObject({
      exit: 0,
      stderr: expect.stringContaining("pruned versions 1-2"),
    })
  })

  it.each([
    [["--keep-last", "1"], "usage", "neither --name nor --all was given"],
    [["--name", "a.json"], "usage", "neither --keep-last nor --keep-days was given"],
    [["--name", "a.json", "--all", "--keep-last", "1"], "usage", "cannot be used with"],
    [["--all", "--keep-last", "0"], "retention-invalid", '"0" is no number of versions or days'],
    [["--all", "--keep-days", "1.5"], "retention-invalid", '"1.5" is no number of versions or days'],
    [["--name", "../a", "--keep-last", "1"], "state-name-invalid", "is no state name"],
  ])("refuses %j as a mistake: %s", async (flags, code, message) => {
    const { alcides } = await projectFolder()
    const { exit, stderr } = await alcides(["state", "prune", ...flags, "--json"])
    expect(exit).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code, message: expect.stringContaining(message) } })
  })

  it("says that there is nothing: no such state file, or none at all", async () => {
    const { alcides } = await projectFolder()
    expect(await alcides(["state", "prune", "--name", "a.json", "--keep-last", "1"])).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining("there is no state file a.json"),
    })
    expect(await alcides(["state", "prune", "--all", "--keep-last", "1"])).toMatchObject({
      exit: 0,
      stderr: expect.stringMatching(/^no state files in github\/neat-org\/neat-repo at file:/),
    })
  })
})

describe("state pin and unpin", () => {
  it("keep a version from being pruned, and show who did that and why", async () => {
    const at = await filled()
    const one = ["--name", "a.json", "--version", "1"]
    expect(await at.alcides(["state", "pin", ...one, "--reason", "before the move"])).toEqual({
      exit: 0,
      stdout: "",
      stderr: "state a.json: version 1 is pinned\n",
    })
    const history = (await at.alcides(["state", "history", "--name", "a.json"])).stdout
    expect(history).toMatch(/ 1 {2}.* alice@ci .*\[pinned by \S+@\S+: before the move\]\n$/)
    const [pinned] = JSON.parse((await at.alcides(["state", "history", "--name", "a.json", "--json"])).stdout).slice(-1)
    expect(pinned).toMatchObject({
      version: 1,
      pinned: { by: expect.stringContaining("@"), at: expect.stringMatching(/Z$/), reason: "before the move" },
    })
    await at.alcides(["state", "prune", "--name", "a.json", "--keep-last", "1"])
    expect(await versionsOf(at, "a.json")).toEqual([3, 1])
    const unpinned = JSON.parse((await at.alcides(["state", "unpin", ...one, "--json"])).stdout)
    expect(unpinned).toMatchObject({ name: "a.json", version: 1 })
    expect(unpinned).not.toHaveProperty("pinned")
    expect((await at.alcides(["state", "unpin", ...one])).stderr).toBe("state a.json: version 1 is not pinned\n")
    expect(JSON.parse((await at.alcides(["state", "pin", ...one, "--json"])).stdout)).toHaveProperty("pinned.by")
  })

  it("refuse what is not there", async () => {
    const at = await filled()
    const code = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await at.alcides(["state", ...args, "--json"])).stderr).error
    expect(await code("pin", "--name", "a.json", "--version", "9")).toMatchObject({
      code: "state-version-absent",
      exit: 1,
    })
    expect(await code("pin", "--name", "b.json", "--version", "3")).toMatchObject({ code: "state-version-absent" })
    expect(await code("unpin", "--name", "c.json", "--version", "1")).toMatchObject({ code: "state-absent" })
    expect(await code("pin", "--name", "a.json", "--version", "x")).toMatchObject({ code: "version-invalid" })
  })
})

describe("state history", () => {
  it("shows the address of the run when there is one", async () => {
    const at = await projectFolder()
    const runUrl = "https://ci.example/runs/17"
    const history = async (): Promise<string> => (await at.alcides(["state", "history", "--name", "a.json"])).stdout
    await at.store.put("a.json", bytes("1"), { base: "absent", writer })
    expect(await history()).not.toContain("RUN")
    await at.store.put("a.json", bytes("2"), {
      base: 1,
      writer: { ...writer, rev: "0123456789", runUrl },
      message: "m",
    })
    expect((await history()).split("\n")).toMatchObject([
      expect.stringMatching(/BY +REV +RUN +MESSAGE$/),
      expect.stringMatching(/alice@ci +0123456 +https:\/\/ci\.example\/runs\/17 +m$/),
      expect.stringMatching(/alice@ci$/),
      "",
    ])
  })
})
