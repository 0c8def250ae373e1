import { readdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { describe, expect, it } from "vitest"
import { mkEffect } from "alcides"
import { fakeProgram, testEffect, testRepo } from "alcides/testing"

const leftovers = async (): Promise<readonly string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith("alcides-test-"))

describe("testEffect", () => {
  const deploy = mkEffect({
    name: "deploy",
    secretsMap: { cloud: "neat-cloud" },
    state: ["db.json", "made.json"],
    effect: async ({ run, secret, stateFile, log, repo }) => {
      const { nested } = secret("cloud").reveal()
      log.info(`deploying ${repo.branch} with ${JSON.stringify(nested)}`)
      const { stdout } = await run("cloud", ["apply"], { inputFile: stateFile("db.json").path })
      await writeFile(stateFile("db.json").path, `${stdout}+`)
      await writeFile(stateFile("made.json").path, "{}")
      log.warn("done")
    },
    effectCheck: ({ run }) => run("cloud", ["check"]),
  })

  it("runs all phases with stand-ins, secrets and state, and leaves nothing behind", async () => {
    const before = await leftovers()
    const outcome = await testEffect(deploy, {
      repo: testRepo({ ref: "refs/heads/production" }),
      secrets: { cloud: { nested: { key: "hunter22" } } },
      state: { "db.json": "old", "other.json": "untouched" },
      programs: { cloud: 'echo "$1 hunter22" >&2; test "$1" = check || cat' },
    })
    expect(outcome.error).toBeUndefined()
    expect(outcome.stateAfter).toEqual({ "db.json": "old+", "made.json": "{}", "other.json": "untouched" })
    expect(outcome.state).toEqual([
      { name: "db.json", from: 1, to: 2 },
      { name: "made.json", from: "absent", to: 1 },
    ])
    expect(outcome.output).toEqual([
      'deploying production with {"key":"***"}',
      expect.stringMatching(/^(apply \*\*\*|old)$/),
      expect.stringMatching(/^(apply \*\*\*|old)$/),
      "warning: done",
      "check ***",
    ])
    expect(outcome.phases.map(({ name }) => name)).toContain("effectCheck")
    expect(await leftovers()).toEqual(before)
  })

  it("tells what failed, and can be ended", async () => {
    const options = { secrets: { cloud: { nested: {} } }, state: { "db.json": "old" } }
    const failed = await testEffect(deploy, { ...options, programs: { cloud: "exit 7" } })
    expect(failed.error).toMatchObject({
      code: "program-failed",
      message: "deploy: effect failed: cloud apply failed with exit code 7",
      exit: 4,
    })
    const signal = AbortSignal.timeout(300)
    const ended = await testEffect(deploy, { ...options, signal, programs: { cloud: "exec sleep 60" } })
    expect(ended.error).toMatchObject({ code: "effect-failed", exit: 4 })
    expect(ended.stateAfter).toEqual({ "db.json": "old" })
  })
})

describe("testRepo", () => {
  it("keeps ref, branch, tag and default branch in step", () => {
    expect(testRepo()).toMatchObject({ ref: "refs/heads/main", branch: "main", tag: null, isDefaultBranch: true })
    expect(testRepo({ ref: "refs/tags/v1" })).toMatchObject({ branch: null, tag: "v1", isDefaultBranch: false })
    expect(testRepo({ ref: null, isDefaultBranch: "unknown" })).toMatchObject({
      branch: null,
      isDefaultBranch: "unknown",
    })
  })
})

describe("fakeProgram", () => {
  it("is what testEffect puts first on PATH", async () => {
    const made: string[] = []
    await testEffect(
      mkEffect({
        name: "a",
        effect: async ({ home, run }) => {
          made.push(await fakeProgram(home, { name: "tool", script: 'echo "tool $1"' }))
          made.push((await run(made[0] ?? "", ["x"])).stdout)
        },
      }),
    )
    expect(made).toEqual([expect.stringMatching(/\/home\/tool$/), "tool x\n"])
  })
})
