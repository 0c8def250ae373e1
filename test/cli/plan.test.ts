import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as z from "zod"
import { testProject, type TestProject } from "../support/project.ts"

let project: TestProject
beforeEach(async () => {
  project = await testProject()
})
afterEach(() => project.remove())

const planSchema = z.looseObject({
  repo: z.looseObject({ ref: z.nullable(z.string()), isDefaultBranch: z.union([z.boolean(), z.string()]) }),
  effects: z.array(z.looseObject({ id: z.string(), runs: z.boolean(), because: z.string() })),
})
async function plan(args: readonly string[] = []) {
  const { stdout, exit } = await project.run(["plan", "--json", ...args])
  expect(exit).toBe(0)
  const parsed = planSchema.parse(JSON.parse(stdout))
  return { ...parsed, of: Object.fromEntries(parsed.effects.map((effect) => [effect.id, effect])) }
}

const tree = `{
  "neat-network": runIf(
    repo.ref === "refs/heads/production",
    mkEffect({
      name: "foo", prebuilt: { type: "file", file: "network.nix" }, secretsMap: { aws: "neat-aws", gone: "gone" },
      state: [{ name: "nixops-foo.json", missingMeans: "a new deployment will be created" }, { name: "seen", access: "read" }],
      lock: { name: "cloud", shared: true }, effect: () => {},
    }),
  ),
  later: mkEffect({ name: "later", after: "foo", state: { name: "must", onMissing: "fail" }, effect: () => {} }),
}`

describe("alcides plan", () => {
  it("shows what runs and why not, secrets, builds, state and locks", async () => {
    await project.secrets({
      "neat-aws": { kind: "Secret", data: { k: "hunter22" }, condition: { isBranch: "production" } },
    })
    await project.put("seen", "x")
    const request = { exclusive: true, description: "a long deploy", holder: { by: "bob" }, ttl: 60, queue: false }
    await project.store.acquire({ ...request, lock: "cloud", idempotencyKey: "a" })
    await project.pipeline(tree)
    const { stdout, stderr, exit } = await project.run(["plan"])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" })
    expect(stdout).not.toContain("hunter22")
    const rev = project.repository.git("rev-parse", "HEAD")
    const lines = stdout.split("\n")
    expect(lines.slice(0, 7)).toEqual([
      "github/neat-org/neat-repo",
      "  ref      refs/heads/production (from git)",
      `  rev      ${rev} (from git)`,
      "  default  unknown (nobody says), this ref: unknown",
      expect.stringMatching(/^ {2}store {4}file:\/\//),
      expect.stringMatching(/^ {2}secrets {2}\/.*\/secrets\.json$/),
      "",
    ])
    expect(lines.slice(7)).toEqual([
      "neat-network (foo): would fail",
      '  because  repo.ref === "refs/heads/production" is true (ci.ts:9)',
      expect.stringMatching(/^ {2}fails {4}secret gone: .*\/secrets\.json has no secret of this name$/),
      "  builds   network.nix",
      expect.stringMatching(/^ {2}secrets {2}aws = neat-aws: granted, .*production/),
      expect.stringMatching(/^ {11}gone = gone: denied, .*no secret of this name$/),
      "  state    nixops-foo.json: absent: a new deployment will be created",
      "           seen: version 1, only read",
      "  locks    alcides.effect.neat-network",
      "           alcides.state.nixops-foo.json",
      "           alcides.state.seen (shared)",
      expect.stringMatching(/^ {11}cloud \(shared\), held by bob since .*: a long deploy$/),
      "",
      "later: would fail",
      "  because  no condition stands before it",
      "  fails    state file must is missing",
      "  state    must: absent",
      "  locks    alcides.effect.later",
      "           alcides.state.must",
      "  after    foo",
      "",
      "1 build first; then 0 effects of 2.",
      "",
    ])
  })

  it("tells the condition that decided", async () => {
    await project.pipeline(`{ a: runIf(repo.ref === "refs/heads/other", mkEffect({ name: "a", effect: () => {} })) }`)
    expect((await plan()).of["a"]).toMatchObject({
      runs: false,
      because: 'repo.ref === "refs/heads/other" is false (ci.ts:8)',
    })
    expect((await plan(["--branch", "other"])).of["a"]).toMatchObject({
      runs: true,
      because: 'repo.ref === "refs/heads/other" is true (ci.ts:8)',
    })
    expect((await plan(["--branch", "other", "--only", "a"])).of["a"]).toMatchObject({ runs: true })
  })

  it("lets a pull request match no branch", async () => {
    await project.pipeline(`{ a: runIf(repo.branch === "production", mkEffect({ name: "a", effect: () => {} })) }`)
    const env = { GITHUB_ACTIONS: "true", GITHUB_REPOSITORY: "neat-org/neat-repo", GITHUB_REF: "refs/pull/1/merge" }
    const { stdout } = await project.run(["plan", "--json"], { env })
    expect(planSchema.parse(JSON.parse(stdout))).toMatchObject({
      repo: { ref: "refs/pull/1/merge", isDefaultBranch: false },
      effects: [{ runs: false }],
    })
  })

  it("names the scheduled jobs, and plans one when it is told to", async () => {
    await project.pipeline(`{
      onPush: { default: { outputs: { a: mkEffect({ name: "a", effect: () => {} }) } } },
      onSchedule: { nightly: { when: { hour: 2 }, outputs: { b: mkEffect({ name: "b", effect: () => {} }) } } },
    }`)
    const { stdout } = await project.run(["plan"])
    expect(stdout).toContain("scheduled, and not part of this run: nightly (daily at 02:00 UTC)\n")
    expect((await plan(["--on-schedule", "nightly"])).effects.map(({ id }) => id)).toEqual(["onSchedule.nightly.b"])
  })

  it("refuses to build an effect that is not there, before it prints anything", async () => {
    await project.pipeline(`{ a: mkEffect({ name: "a", effect: () => {} }) }`)
    const { stdout, stderr, exit } = await project.run(["plan", "--build", "nope"])
    expect({ stdout, exit }).toEqual({ stdout: "", exit: 2 })
    expect(stderr).toContain('alcides: the pipeline has no effect "nope"')
  })

  it("refuses names of effects without --build", async () => {
    await project.pipeline("{}")
    const told = await project.run(["plan", "a"])
    expect(told).toMatchObject({ exit: 2, stdout: "" })
    expect(told.stderr).toBe(
      "alcides: a: effects are named without --build\n  hint: write alcides plan --build a, or --only to plan a part\n",
    )
    const { stderr } = await project.run(["plan", "a", "--json"])
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "plan-effects-without-build", exit: 2 } })
  })
})
