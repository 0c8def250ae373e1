import { onTestFinished } from "vitest"
import { openStore } from "../../../src/state/open.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { cliHome } from "../../support/cli-home.ts"
import { runCli, type CliOptions, type CliResult } from "../../support/io.ts"

export const project = { site: "github", owner: "neat-org", name: "neat-repo" }

export type ProjectFolder = {
  readonly folder: string
  readonly url: string
  readonly store: StateStore
  readonly env: Record<string, string>
  /** Runs `alcides` in the folder, with its store and project in the environment. */
  readonly alcides: (args: readonly string[], options?: CliOptions) => Promise<CliResult>
}

/** A folder of this test's own, with a file store in it. */
export async function projectFolder(): Promise<ProjectFolder> {
  const { folder, env, remove } = await cliHome()
  onTestFinished(remove)
  const url = env["ALCIDES_STATE"] ?? ""
  return {
    folder,
    url,
    env,
    store: await openStore(url, project),
    alcides: (args, options = {}) => runCli(args, { env, cwd: folder, ...options }),
  }
}
