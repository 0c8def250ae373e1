import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { commitOf } from "../../src/pipeline/commit.ts"
import { findProgram } from "../../src/exec.ts"
import { gitRepository, type GitRepository } from "../support/git.ts"

let repository: GitRepository
let folder: string

beforeEach(async () => {
  repository = await gitRepository({ branch: "production" })
  folder = await mkdtemp(join(tmpdir(), "alcides-commit-"))
})

afterEach(async () => {
  await repository.remove()
  await rm(folder, { recursive: true, force: true })
})

// Git that notes each question.
async function notingGit(): Promise<{ readonly path: string; questions(): Promise<readonly string[]> }> {
  const notes = join(folder, "notes")
  const git = join(folder, "git")
  await writeFile(notes, "")
  await writeFile(git, `#!/bin/sh\necho "$1" >>'${notes}'\nexec '${findProgram("git", process.env["PATH"])}' "$@"\n`)
  await chmod(git, 0o755)
  const questions = async () => (await readFile(notes, "utf8")).split("\n").filter((line) => line !== "")
  return { path: `${folder}:${process.env["PATH"]}`, questions }
}

it("asks git once for all the effects of a run, and not before", async () => {
  const [one, two] = [repository.commit(), repository.commit()]
  const { path, questions } = await notingGit()
  const commit = commitOf(two, { env: { ...repository.env, PATH: path }, cwd: repository.root })
  expect(await questions()).toEqual([])
  const times = await Promise.all(Array.from({ length: 20 }, () => commit.committed()))
  expect(new Set(times).size).toBe(1)
  expect(Number.isNaN(Date.parse(times[0] ?? ""))).toBe(false)
  expect(await questions()).toEqual(["show"])
  const answers = await Promise.all(Array.from({ length: 20 }, () => commit.standsTo(one)))
  expect(new Set(answers)).toEqual(new Set(["descendant"]))
  expect((await questions()).filter((question) => question === "merge-base")).toHaveLength(2)
})

it("starts few gits at once, however many commits are asked about", async () => {
  const rev = repository.commit()
  const running = join(folder, "running")
  const most = join(folder, "most")
  const git = join(folder, "git")
  await mkdir(running)
  await writeFile(most, "0\n")
  const count = `ls '${running}' | wc -l >>'${most}'`
  await writeFile(git, `#!/bin/sh\n: >'${running}'/$$; ${count}; sleep 0.05; rm '${running}'/$$; exit 1\n`)
  await chmod(git, 0o755)
  const commit = commitOf(rev, { env: { PATH: `${folder}:${process.env["PATH"]}` }, cwd: repository.root })
  const others = Array.from({ length: 40 }, (_, index) => String(index).padStart(40, "0"))
  expect(new Set(await Promise.all(others.map((other) => commit.standsTo(other))))).toEqual(new Set(["unknown"]))
  const counts = (await readFile(most, "utf8")).split("\n").map(Number)
  expect(Math.max(...counts)).toBeLessThanOrEqual(8)
  expect(Math.max(...counts)).toBeGreaterThan(1)
})

it("has no time where the clone lacks the commit", async () => {
  repository.commit()
  const commit = commitOf("f".repeat(40), { env: repository.env, cwd: repository.root })
  expect(await commit.committed()).toBeNull()
  expect(await commit.standsTo("f".repeat(40))).toBe("same")
})
