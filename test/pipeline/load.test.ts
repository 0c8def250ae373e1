import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { findPipelineFile } from "../../src/pipeline/find.ts"
import { loadPipeline, pipelineFailed } from "../../src/pipeline/load.ts"
import { fixedRepo } from "../support/repo.ts"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-load-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const write = async (name: string, source: string): Promise<string> => {
  await mkdir(join(folder, name, ".."), { recursive: true })
  await writeFile(join(folder, name), source)
  return join(folder, name)
}

describe("findPipelineFile", () => {
  it("finds the file in the folder, then in the repository's top folder", async () => {
    const path = await write("ci.ts", "")
    expect(findPipelineFile({ cwd: folder, root: folder })).toBe(path)
    expect(findPipelineFile({ cwd: join(folder, "deep"), root: folder })).toBe(path)
  })

  it("says what is missing or ambiguous", async () => {
    expect(() => findPipelineFile({ cwd: folder, root: folder })).toThrow(
      expect.objectContaining({ code: "pipeline-missing", exit: 2, message: `no pipeline file in ${folder}` }),
    )
    await write("ci.ts", "")
    await write("alcides.config.js", "")
    expect(() => findPipelineFile({ cwd: folder, root: folder })).toThrow(
      expect.objectContaining({
        code: "pipeline-ambiguous",
        message: `both alcides.config.js and ci.ts are in ${folder}`,
      }),
    )
    expect(() => findPipelineFile({ cwd: folder, root: folder, flag: "x.ts" })).toThrow(
      expect.objectContaining({ code: "pipeline-missing", message: "there is no file x.ts" }),
    )
  })
})

describe("loadPipeline", () => {
  it("loads TypeScript with local modules, each with its own import.meta", async () => {
    await write("network/where.ts", "export const here: string = import.meta.dirname")
    const path = await write(
      "ci.ts",
      `import { mkEffect, pipeline } from "alcides"
       import { runIf } from "alcides/effects"
       import { here } from "./network/where.ts"
       const a = mkEffect({ name: "a", src: import.meta.dirname, effect: () => {} })
       const b = mkEffect({ name: "b", src: here, effect: () => {} })
       export default pipeline(({ repo }) => ({ a: runIf(repo.ref === "refs/heads/main", a), b }))`,
    )
    const tree = await (await loadPipeline(path)).define({ repo: fixedRepo({ ref: "refs/heads/main" }) })
    expect(tree).toMatchObject({
      a: { run: { name: "a", src: folder } },
      b: { name: "b", src: join(folder, "network") },
    })
  })

  it("names the user's own line when the file throws while it loads", async () => {
    const path = await write("ci.ts", "type A = string\n\nthrow new Error('boom')\nexport default 1")
    await expect(loadPipeline(path)).rejects.toMatchObject({
      code: "pipeline-failed",
      exit: 2,
      message: "ci.ts:3:7: boom",
    })
  })

  it("names the user's own line when the function throws, also in another file and in one of our functions", async () => {
    await write("sub/wrong.ts", "export function wrong(): never {\n  throw new Error('deep')\n}")
    const path = await write(
      "ci.ts",
      `import { mkEffect, pipeline } from "alcides"
import { wrong } from "./sub/wrong.ts"
export default pipeline(({ repo }) => {
  if (repo.tag === "deep") wrong()
  return { a: mkEffect({ name: "not a name", effect: () => {} }) }
})`,
    )
    const { define } = await loadPipeline(path)
    const thrown = async (tag: string): Promise<unknown> => {
      try {
        return await define({ repo: fixedRepo({ tag }) })
      } catch (error) {
        return pipelineFailed({ path, error })
      }
    }
    expect(await thrown("deep")).toMatchObject({
      code: "pipeline-failed",
      message: expect.stringMatching(/^sub\/wrong\.ts:2:\d+: deep$/),
    })
    expect(await thrown("other")).toMatchObject({
      code: "effect-invalid",
      message: expect.stringMatching(/^ci\.ts:5:\d+: effect not a name: name: must begin/),
    })
  })

  it("names the place of a syntax error", async () => {
    const path = await write("ci.ts", "const a = 1\nexport default {{")
    await expect(loadPipeline(path)).rejects.toMatchObject({
      code: "pipeline-syntax",
      exit: 2,
      message: expect.stringMatching(/^ci\.ts:2:\d+: /),
    })
  })

  it("refuses a file without a pipeline", async () => {
    const path = await write("ci.ts", "export const x = 1")
    await expect(loadPipeline(path)).rejects.toMatchObject({
      code: "pipeline-no-export",
      exit: 2,
      message: "ci.ts has no pipeline as its default export",
    })
  })
})
