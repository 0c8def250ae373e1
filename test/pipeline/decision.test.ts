import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { decisionOf } from "../../src/pipeline/decision.ts"
import { loadPipeline } from "../../src/pipeline/load.ts"
import { flattenPipeline } from "../../src/pipeline/tree.ts"
import { fixedRepo } from "../support/repo.ts"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides decision-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function decisions(tree: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(folder, "ci.ts")
  await writeFile(
    path,
    `import { mkEffect, pipeline, type Effect } from "alcides"
import { runIf } from "alcides/effects"
const make = (name: string): Effect => mkEffect({ name, effect: () => {} })
export default pipeline(({ repo }) => ({
${tree}
}))`,
  )
  const { effects } = flattenPipeline(await (await loadPipeline(path)).define({ repo: fixedRepo() }))
  return Object.fromEntries(effects.map(({ id, decision }) => [id, decision?.()]))
}

describe("decisionOf", () => {
  it("tells the condition as it was written, and where", async () => {
    expect(
      await decisions(`  a: runIf(repo.ref === "refs/heads/production", make("a")),
  b: runIf(
    ["main", "x,y"].includes(repo.branch ?? "") &&
      repo.owner === 'neat-org',
    make("b"),
  ),
  c: { deep: { deeper: runIf(repo.isDefaultBranch === true, make("c")) } },
  d: make("d"),`),
    ).toEqual({
      a: { holds: false, condition: 'repo.ref === "refs/heads/production"', at: "ci.ts:5" },
      b: {
        holds: true,
        condition: `["main", "x,y"].includes(repo.branch ?? "") && repo.owner === 'neat-org'`,
        at: "ci.ts:6",
      },
      "c.deep.deeper": { holds: true, condition: "repo.isDefaultBranch === true", at: "ci.ts:11" },
      d: undefined,
    })
  })

  it("tells the nearest condition, for all that stands below it", async () => {
    const found = await decisions(`  team: runIf(true, make("a")),
  ...Object.fromEntries(["x"].map((name) => [name, runIf(name === "x", make(name))])),`)
    expect(found).toMatchObject({ team: { condition: "true" }, x: { condition: 'name === "x"' } })
  })

  it("leaves comments out, whatever is in them", async () => {
    const found = await decisions(`  a: runIf(
    // don't, ever (see below
    repo.branch === "main" /* or "next", later */,
    make("a"),
  ),`)
    expect(found).toMatchObject({ a: { condition: 'repo.branch === "main"' } })
  })

  it("is found in a pipeline that makes something else of stacks", async () => {
    const { prepareStackTrace } = Error
    Error.prepareStackTrace = (_, sites) => sites
    try {
      expect(await decisions(`  a: runIf(true, make("a")),`)).toEqual({ a: { holds: true } })
    } finally {
      Error.prepareStackTrace = prepareStackTrace
    }
  })

  it("is nothing where nothing was decided", () => {
    expect(decisionOf({})).toBeUndefined()
  })
})
