import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

export type CliHome = {
  readonly folder: string
  /** What a user's shell tells the command: a home in the folder, a file store in it, and a project. */
  readonly env: Record<string, string>
  readonly remove: () => Promise<void>
}

/** A folder for one test of the command, with nothing in it yet. */
export async function cliHome(): Promise<CliHome> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-cli-"))
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    TMPDIR: folder,
    ALCIDES_STATE: pathToFileURL(join(folder, "store")).href,
    ALCIDES_PROJECT: "github/neat-org/neat-repo",
  }
  return { folder, env, remove: () => rm(folder, { recursive: true, force: true }) }
}
