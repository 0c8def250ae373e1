import { spawnSync } from "node:child_process"
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { dir } from "tmp-promise"
import { beforeAll, expect, test } from "vitest"
import { buildPackage, type BuiltPackage } from "../support/built-package.ts"
import { pages, type Block, type Page } from "./pages.ts"

let built: BuiltPackage

beforeAll(async () => {
  built = await buildPackage({ types: false })
  return built.cleanup
})

const runnable = pages.filter(({ blocks }) => blocks.some(({ isRun }) => isRun))

test("there are pages to run", () => {
  expect(runnable.length).toBeGreaterThan(3)
})

test.each(runnable.map((page) => [page.path, page] as const))("%s runs as it is written", async (_, page) => {
  const { path, cleanup } = await dir({ prefix: "alcides-page-", unsafeCleanup: true })
  try {
    expect(await runPage(page, path)).toEqual([])
  } finally {
    await cleanup()
  }
})

test("what is printed otherwise than the page says would be found", () => {
  expect(matches(["one", "two"], ["one", "two"])).toBe(true)
  expect(matches(["one", "two"], ["one", "three"])).toBe(false)
  expect(matches(["a …", "…", "z"], ["a 17", "b", "c", "z"])).toBe(true)
  expect(matches(["a"], ["a", "b"])).toBe(false)
  expect(matches(["a", "…"], ["a"])).toBe(true)
  expect(matches(["NAME  SIZE", "a b  …"], ["NAME    SIZE", "a b     7 B"])).toBe(true)
  expect(matches(["a b"], ["a  b"])).toBe(false)
})

// In a repository of its own, with a home of its own, and the store that a user has who says nothing.
async function runPage(page: Page, folder: string): Promise<readonly string[]> {
  const [repo, home, bin] = [join(folder, "neat-repo"), join(folder, "home"), join(folder, "bin")]
  for (const each of [repo, home, bin]) await mkdir(each)
  await writeFile(join(bin, "alcides"), `#!/bin/sh\nexec "${process.execPath}" "${built.path}/dist/cli.cjs" "$@"\n`)
  await chmod(join(bin, "alcides"), 0o755)
  await mkdir(join(repo, "node_modules"))
  await symlink(built.path, join(repo, "node_modules", "alcides"))
  const env = {
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    HOME: home,
    NO_COLOR: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "Neat",
    GIT_AUTHOR_EMAIL: "neat@example.com",
    GIT_COMMITTER_NAME: "Neat",
    GIT_COMMITTER_EMAIL: "neat@example.com",
  }
  const shell = (script: string): { readonly status: number | null; readonly output: string } => {
    const { status, stdout } = spawnSync("bash", ["-c", `exec 2>&1; ${script}`], { cwd: repo, env, encoding: "utf8" })
    return { status, output: stdout }
  }
  shell(
    "git init -q -b main && git remote add origin https://github.com/neat-org/neat-repo.git && git commit -q --allow-empty -m neat",
  )

  const problems: string[] = []
  for (const block of page.blocks) {
    if (block.file !== undefined) {
      await mkdir(dirname(join(repo, block.file)), { recursive: true })
      await writeFile(join(repo, block.file), `${block.text}\n`, { mode: 0o755 })
    } else if (block.isRun) {
      for (const { typed, said } of stepsOf(block)) {
        const { status, output } = shell(typed)
        const expectsFailure = said.some((line) => /^(alcides: |{"error":)/.test(line))
        const printed = output.trimEnd().split("\n")
        if ((status === 0) === expectsFailure || (said.length > 0 && !matches(said, printed)))
          problems.push(`${page.path}:${block.line}: $ ${typed}\n(exit code ${status})\n${output}`)
      }
    }
  }
  return problems
}

type Step = { readonly typed: string; readonly said: readonly string[] }

function stepsOf({ text }: Block): readonly Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [typed = "", ...said] = step.trimEnd().split("\n")
      return { typed, said }
    })
}

/**
 * Whether these lines were printed. `…` stands for anything in a line, and for any lines when it is alone; how wide the columns of a
 * table are does not count.
 */
function matches(said: readonly string[], printed: readonly string[]): boolean {
  const pattern = said.map(narrow).map((line) =>
    line.trim() === "…"
      ? String.raw`(?:.*\n)*`
      : `${line
          .split("…")
          .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
          .join(".*")}\n`,
  )
  return new RegExp(`^${pattern.join("")}$`).test(printed.map((line) => `${narrow(line)}\n`).join(""))
}

const narrow = (line: string): string => line.trimEnd().replaceAll(/ {2,}/g, "  ")
