import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { pathToFileURL } from "node:url"
import { openStore } from "../../src/state/open.ts"
import type { StateStore } from "../../src/state/store.ts"
import { gitRepository, type GitRepository } from "./git.ts"
import { runCli, type CliOptions, type CliResult } from "./io.ts"

export type TestProject = {
  readonly repository: GitRepository
  /** A folder for notes that effects leave, outside of the repository. */
  readonly notes: string
  /** PATH, and homes of its own: nothing of this machine's user is read or written. */
  readonly env: Record<string, string>
  /** The store that `env` leads to. */
  readonly store: StateStore
  /** Writes `ci.ts`: `tree` is what the pipeline returns; `note(name)` and `notes` are at hand. */
  pipeline(tree: string, more?: { readonly before?: string }): Promise<void>
  secrets(content: unknown): Promise<void>
  /** Runs the command in this process, in the repository. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>
  state(name: string): Promise<string | undefined>
  put(name: string, content: string): Promise<void>
  /** What effects noted, in order. */
  noted(): Promise<readonly string[]>
  /** Every file that exists anywhere below the temporary, state and home folders. */
  files(): Promise<readonly string[]>
  remove(): Promise<void>
}

/** A repository `github/neat-org/neat-repo` with one commit on `production`, with stores, homes and temporary folders of its own. */
export async function testProject(): Promise<TestProject> {
  const repository = await gitRepository({ branch: "production" })
  const folder = await realpath(await mkdtemp(join(tmpdir(), "alcides-project-")))
  const notes = join(folder, "notes")
  const [home, temporary, state] = ["home", "tmp", "state"].map((name) => join(folder, name))
  if (home === undefined || temporary === undefined || state === undefined) throw new Error("no folders")
  await Promise.all([home, temporary, state, notes].map((path) => mkdir(path)))
  await writeFile(join(notes, "notes.txt"), "")
  repository.git("remote", "add", "origin", "git@github.com:neat-org/neat-repo.git")
  await writeFile(join(repository.root, "README.md"), "a project\n")
  repository.git("add", ".")
  repository.commit("begin")
  const env = { ...repository.env, HOME: home, TMPDIR: temporary, XDG_STATE_HOME: state }
  const store = await openStore(pathToFileURL(join(state, "alcides")).href, {
    site: "github",
    owner: "neat-org",
    name: "neat-repo",
  })
  return {
    repository,
    notes,
    env,
    store,
    async pipeline(tree, { before = "" } = {}) {
      await writeFile(
        join(repository.root, "ci.ts"),
        `import { AlcidesError, mkEffect, pipeline, Secret } from "alcides"
import { runIf } from "alcides/effects"
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
const notes = ${JSON.stringify(notes)}
const note = (line: string): void => appendFileSync(notes + "/notes.txt", line + "\\n")
${before}
export default pipeline(({ repo }) => (${tree}))
`,
      )
    },
    async secrets(content) {
      const path = join(home, ".config", "alcides", "secrets", "github", "neat-org")
      await mkdir(path, { recursive: true })
      await writeFile(join(path, "secrets.json"), typeof content === "string" ? content : JSON.stringify(content))
    },
    run: (args, options = {}) => runCli(args, { cwd: repository.root, ...options, env: { ...env, ...options.env } }),
    async state(name) {
      const read = await store.get(name)
      return read === undefined ? undefined : text(Readable.from(read.content))
    },
    async put(name, content) {
      await store.put(name, Readable.from([Buffer.from(content)]), { base: "current", writer: { by: "test" } })
    },
    async noted() {
      return (await readFile(join(notes, "notes.txt"), "utf8")).split("\n").filter((line) => line !== "")
    },
    async files() {
      const found = await Promise.all(
        [home, temporary, state].map(async (path) => {
          const entries = await readdir(path, { recursive: true, withFileTypes: true })
          return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
        }),
      )
      return found.flat().toSorted()
    },
    async remove() {
      await repository.remove()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
