import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { keepFile } from "../../src/state/kept.ts"

const project = { site: "github", owner: "neat-org", name: "neat-repo" }

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "alcides-kept-"))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

test("keeps the file for its owner alone", async () => {
  const dir = await folder()
  const source = join(dir, "source")
  await writeFile(source, "the only copy", { mode: 0o644 })
  const kept = await keepFile({ source, name: "nixops-foo.json", project, dir: join(dir, "alcides", "kept") })
  expect(kept).toMatch(/alcides\/kept\/github-neat-org-neat-repo\/\d{4}-\d\d-\d\dT[\d-]+Z-nixops-foo\.json$/)
  expect(await readFile(kept, "utf8")).toBe("the only copy")
  expect((await stat(kept)).mode & 0o777).toBe(0o600)
  expect((await stat(dirname(kept))).mode & 0o777).toBe(0o700)
})

test("says where the file is when it cannot be kept", async () => {
  const dir = await folder()
  const source = join(dir, "source")
  await writeFile(source, "x")
  await expect(keepFile({ source, name: "a.json", project, dir: join(source, "below-a-file") })).rejects.toMatchObject({
    code: "state-not-kept",
    exit: 7,
    hint: `copy ${source} to a safe place now, before this machine is cleaned`,
  })
})
