import { spawnSync } from "node:child_process"
import { mkdir, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { expect, test } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { root } from "../house/sources.ts"
import { commandLines, commandTree, segments } from "./commands.ts"
import { pages, type Block } from "./pages.ts"

const blocks = pages.flatMap((page) => page.blocks)

test("every ts block compiles as a module of its own, against the real library", async () => {
  const modules = blocks.filter(({ language }) => language === "ts")
  expect(modules.length).toBeGreaterThan(0)
  expect(await compile(modules)).toEqual([])
})

test("a ts block that is wrong would be found, by page and line", async () => {
  const wrong = {
    page: "docs/x.md",
    line: 10,
    language: "ts",
    text: 'import { nothing } from "alcides"',
    file: undefined,
    isRun: false,
  }
  expect(await compile([wrong])).toEqual([
    `docs/x.md:10: error TS2305: Module '"alcides"' has no exported member 'nothing'.`,
  ])
})

test("every `alcides …` in a block is a command line that exists", async () => {
  const lines = blocks.flatMap(commandLines)
  const wrong: string[] = []
  for (const { at, text, args } of lines) {
    const program = await commandTree()
    try {
      await program.parseAsync(
        args.filter((arg) => arg !== "…"),
        { from: "user" },
      )
    } catch (error) {
      // What a shell would put there is not known here, so that only the names of flags can be judged.
      if (error instanceof AlcidesError && text.includes("$")) continue
      const message = error instanceof Error ? error.message : String(error)
      if (!/^\(outputHelp|^\d+\.\d+\.\d+$/.test(message)) wrong.push(`${at}: ${text}: ${message}`)
    }
  }
  expect(wrong).toEqual([])
})

test("a block's commands are found as a shell would find them", () => {
  const block = (language: string, text: string): Block => ({
    page: "p",
    line: 1,
    language,
    text,
    file: undefined,
    isRun: false,
  })
  const found = (language: string, text: string): readonly string[] =>
    commandLines(block(language, text)).map(({ args }) => args.join("|"))
  expect(
    found("console", "$ nixops export -d X | alcides state put --name 'a b' --file - # why\nalcides said this"),
  ).toEqual(["state|put|--name|a b|--file|-"])
  expect(found("console", "$ alcides state put \\\n    --name foo")).toEqual(["state|put|--name|foo"])
  expect(found("yaml", "      - run: npx alcides run\n      - alcides plan > plan.txt")).toEqual(["run", "plan"])
  expect(found("sh", "ALCIDES_STATE=file:s alcides run && echo alcides")).toEqual(["run"])
  expect(segments('a "b c" | d 2>/dev/null')).toEqual([["a", "b c"], ["d"]])
})

// One program over all blocks: TypeScript starts once.
async function compile(modules: readonly Block[]): Promise<readonly string[]> {
  const { path, cleanup } = await dir({ prefix: "alcides-docs-", unsafeCleanup: true })
  try {
    const files = new Map(modules.map((block, index) => [`block-${index}.ts`, block]))
    await mkdir(join(path, "blocks"))
    await symlink(join(root, "node_modules"), join(path, "node_modules"))
    await writeFile(join(path, "package.json"), JSON.stringify({ type: "module" }))
    await writeFile(
      join(path, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        compilerOptions: {
          noEmit: true,
          rootDir: "/",
          typeRoots: [join(root, "node_modules", "@types")],
          noUnusedLocals: false,
          noUnusedParameters: false,
          moduleDetection: "force",
        },
        include: ["blocks"],
      }),
    )
    for (const [name, { text }] of files) await writeFile(join(path, "blocks", name), `${text}\n`)
    const { stdout } = spawnSync(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "-p", path, "--pretty", "false"],
      { encoding: "utf8", cwd: path },
    )
    return (
      stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [, name = "", at = "1", message = ""] = /^blocks\/([\w.-]+)\((\d+),\d+\): (.*)$/.exec(line) ?? []
          const block = files.get(name)
          return block === undefined ? line : `${block.page}:${block.line + Number(at) - 1}: ${message}`
        })
        // Mistakes of the sources themselves are for the type check of the sources.
        .filter((line) => !/^(\.\.\/)+.*(src|effects)\//.test(line))
    )
  } finally {
    await cleanup()
  }
}
