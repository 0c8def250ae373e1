import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pathToFileURL } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Ancestry } from "../../src/pipeline/commit.ts"
import { compareCommits } from "../../src/pipeline/git.ts"
import { claimDeployment, supersededBecause, type Deployed } from "../../src/pipeline/superseded.ts"
import { openStore } from "../../src/state/open.ts"
import type { Lease, StateStore } from "../../src/state/store.ts"
import { detectRepo } from "../../src/pipeline/detect.ts"
import { runProgram } from "../../src/exec.ts"
import { gitRepository, type GitRepository } from "../support/git.ts"

const deployed = (fields: Partial<Deployed>): Deployed => ({
  format: 1,
  rev: "a".repeat(40),
  ref: "refs/heads/production",
  committed: null,
  sequence: null,
  runUrl: null,
  ...fields,
})
const run = (number: number, workflow = "deploy") => ({ workflow, number })

describe("supersededBecause", () => {
  const last = deployed({ rev: "b".repeat(40), runUrl: "https://ci/2" })
  const cases: readonly [string, Partial<Deployed>, Partial<Deployed>, Ancestry, string | RegExp | undefined][] = [
    ["the same commit", {}, {}, "same", undefined],
    ["a newer commit", {}, {}, "descendant", undefined],
    ["a newer commit of an older run", { sequence: run(1) }, { sequence: run(2) }, "descendant", undefined],
    ["an older commit", {}, {}, "ancestor", "aaaaaaa is older than bbbbbbb (https://ci/2), which was deployed already"],
    ["an older commit, on another branch", { ref: "refs/heads/x" }, {}, "ancestor", /^aaaaaaa is older than/],
    ["an older commit, of a newer run", { sequence: run(3) }, { sequence: run(2) }, "ancestor", /^aaaaaaa is older/],
    ["a rewritten branch, nothing known", {}, {}, "diverged", undefined],
    ["a rewritten branch, newer run", { sequence: run(3) }, { sequence: run(2) }, "diverged", undefined],
    [
      "a rewritten branch, older run",
      { sequence: run(1) },
      { sequence: run(2) },
      "diverged",
      "run 1 of deploy began before run 2, which deployed bbbbbbb (https://ci/2) already",
    ],
    ["a run of another workflow", { sequence: run(1, "other") }, { sequence: run(2) }, "diverged", undefined],
    [
      "another branch that went its own way",
      { ref: "refs/heads/x", sequence: run(1) },
      { sequence: run(2) },
      "diverged",
      undefined,
    ],
    ["an unknown commit, older run", { sequence: run(1) }, { sequence: run(2) }, "unknown", /^run 1 of deploy began/],
    ["an unknown commit, the same run again", { sequence: run(2) }, { sequence: run(2) }, "unknown", undefined],
    [
      "an unknown commit, committed before",
      { committed: "2024-01-01T10:00:00+02:00" },
      { committed: "2024-01-01T09:00:00Z" },
      "unknown",
      "aaaaaaa was committed before bbbbbbb (https://ci/2), which was deployed already",
    ],
    [
      "an unknown commit, committed after",
      { committed: "2024-01-01T10:00:00Z" },
      { committed: "2024-01-01T10:30:00+02:00" },
      "unknown",
      undefined,
    ],
    ["an unknown commit, nothing known", {}, {}, "unknown", undefined],
    [
      "a rewritten branch does not go by time",
      { committed: "2024-01-01T10:00:00Z" },
      { committed: "2024-01-02T10:00:00Z" },
      "diverged",
      undefined,
    ],
    [
      "two tags",
      { ref: "refs/tags/v1", sequence: run(1) },
      { ref: "refs/tags/v2", sequence: run(2) },
      "unknown",
      /^run 1 of deploy began/,
    ],
    ["a tag after a branch", { ref: "refs/tags/v1", sequence: run(1) }, { sequence: run(2) }, "unknown", undefined],
  ]
  it.each(cases)("%s", (_, current, other, ancestry, because) => {
    const found = supersededBecause(deployed(current), { ...last, ...other }, ancestry)
    if (because instanceof RegExp) expect(found).toMatch(because)
    else expect(found).toBe(because)
  })
})

describe("with real commits", () => {
  let repository: GitRepository
  let folder: string
  let store: StateStore
  let lease: Lease
  beforeEach(async () => {
    repository = await gitRepository({ branch: "production" })
    folder = await mkdtemp(join(tmpdir(), "alcides-superseded-"))
    store = await openStore(pathToFileURL(join(folder, "store")).href, { site: "s", owner: "o", name: "n" })
    const request = { exclusive: true, description: "", holder: { by: "test" }, ttl: 60, queue: false }
    const answer = await store.acquire({ ...request, lock: "alcides.effect.net", idempotencyKey: "a" })
    if (answer.outcome !== "acquired") throw new Error("not acquired")
    lease = answer.lease
  })
  afterEach(async () => {
    await repository.remove()
    await rm(folder, { recursive: true, force: true })
  })

  const claim = async (
    rev: string,
    { cwd = repository.root, allowOlder = false, env = {} as Readonly<Record<string, string>> } = {},
  ): Promise<string | undefined> => {
    const at = { env: { ...repository.env, ...env }, cwd }
    const detected = await detectRepo({ ...at, flags: { rev, ref: "refs/heads/production" } })
    return claimDeployment({ store, detected, id: "net", lease, allowOlder })
  }
  const recorded = async (): Promise<number> => (await store.history("alcides.deployed.net.json"))?.length ?? 0

  it("lets newer commits follow older ones, and not the other way round", async () => {
    const [one, two] = [repository.commit(), repository.commit()]
    expect(await claim(one)).toBeUndefined()
    expect(await claim(two)).toBeUndefined()
    expect(await claim(two)).toBeUndefined()
    expect(await recorded()).toBe(2)
    expect(await claim(one)).toBe(`${one.slice(0, 7)} is older than ${two.slice(0, 7)}, which was deployed already`)
    expect(await recorded()).toBe(2)
    expect(await claim(one, { allowOlder: true })).toBeUndefined()
    expect(await claim(two)).toBeUndefined()
  })

  it("keeps the later run of a commit that is deployed again: the one behind it must not pass", async () => {
    const ci = (number: string) => ({
      env: { GITHUB_ACTIONS: "true", GITHUB_WORKFLOW: "deploy", GITHUB_RUN_NUMBER: number },
    })
    const one = repository.commit()
    const two = repository.commit()
    repository.git("reset", "--quiet", "--hard", one)
    const other = repository.commit("another")
    expect(await claim(two, ci("5"))).toBeUndefined()
    expect(await claim(two, ci("3"))).toBeUndefined()
    expect(await claim(two)).toBeUndefined()
    expect(await claim(other, ci("4"))).toMatch(/^run 4 of deploy began before run 5/)
  })

  it("takes a rewritten branch as it stands", async () => {
    const one = repository.commit()
    const two = repository.commit()
    repository.git("reset", "--quiet", "--hard", one)
    const other = repository.commit("another")
    expect(await claim(two)).toBeUndefined()
    expect(await claim(other)).toBeUndefined()
    expect(await claim(one)).toMatch(/is older than/)
  })

  it("does not let the old run of a CI over the newer one in a clone that lacks the newer commit", async () => {
    const one = repository.commit()
    const clone = join(folder, "clone")
    repository.git("clone", "--quiet", "--depth", "1", pathToFileURL(repository.root).href, clone)
    const two = repository.commit()
    const ci = (number: string) => ({
      env: { GITHUB_ACTIONS: "true", GITHUB_WORKFLOW: "deploy", GITHUB_RUN_NUMBER: number },
    })
    expect(await claim(two, ci("8"))).toBeUndefined()
    const git = { env: repository.env, cwd: clone }
    expect(await compareCommits({ older: one, newer: two }, git)).toBe("unknown")
    expect(await claim(one, { cwd: clone, ...ci("7") })).toBe(
      `run 7 of deploy began before run 8, which deployed ${two.slice(0, 7)} already`,
    )
    expect(await claim(one, { cwd: clone })).toBe(
      `${one.slice(0, 7)} was committed before ${two.slice(0, 7)}, which was deployed already`,
    )
  })

  it("cannot tell in a clone that does not reach back far enough", async () => {
    const one = repository.commit()
    repository.git("tag", "one")
    for (let commit = 0; commit < 3; commit++) repository.commit()
    const head = repository.commit()
    const clone = join(folder, "clone")
    const url = pathToFileURL(repository.root).href
    repository.git("clone", "--quiet", "--depth", "1", url, clone)
    const git = { env: repository.env, cwd: clone }
    await runProgram("git", ["fetch", "--quiet", "--depth", "1", "origin", "refs/tags/one:refs/tags/one"], git)
    expect(await compareCommits({ older: one, newer: head }, git)).toBe("unknown")
    expect(await compareCommits({ older: one, newer: head }, { ...git, cwd: repository.root })).toBe("ancestor")
    expect(await compareCommits({ older: head, newer: one }, { ...git, cwd: repository.root })).toBe("descendant")
  })

  it("needs no commit", async () => {
    const at = { env: repository.env, cwd: repository.root }
    const detected = await detectRepo(at)
    const options = { store, detected, id: "net", lease, allowOlder: false }
    expect(await claimDeployment(options)).toBeUndefined()
    expect(await recorded()).toBe(0)
  })

  it("says that the record is not readable", async () => {
    const one = repository.commit()
    const content = Readable.from([Buffer.from('{"format":2}')])
    await store.put("alcides.deployed.net.json", content, { base: "absent", writer: { by: "test" } })
    await expect(claim(one)).rejects.toMatchObject({
      code: "deployed-record-invalid",
      exit: 2,
      message: expect.stringContaining("alcides.deployed.net.json is not the record"),
    })
  })
})
