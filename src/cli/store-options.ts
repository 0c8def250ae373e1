import { dirname } from "node:path"
import { Option } from "@commander-js/extra-typings"
import { AlcidesError } from "../errors.ts"
import { checkoutRoot, findPipelineFile } from "../pipeline/find.ts"
import { namedProject, resolveProject } from "../pipeline/project.ts"
import { parseProject } from "../state/names.ts"
import { openStore, storeUrl } from "../state/open.ts"
import type { Project, StateStore } from "../state/store.ts"
import type { Io } from "./io.ts"

/** `--store`. */
export const storeOption = () =>
  new Option(
    "--store <url>",
    "where state and locks are kept (default: ALCIDES_STATE, else what the pipeline file says, else a folder of this user)",
  )

export type StoreFlags = { readonly project?: string | undefined; readonly store?: string | undefined }

/** The store that the flags, the environment or the pipeline file name, open for one project. */
export async function openProjectStore(io: Io, flags: StoreFlags): Promise<StateStore> {
  const { url, project } = await chosenStore(io, flags)
  return openStore(url, project)
}

/** The URL of the store that the flags, the environment or the pipeline file name, and the project. */
export async function chosenStore(
  io: Io,
  { project: flag, store }: StoreFlags,
): Promise<{ readonly url: string; readonly project: Project }> {
  const { env, cwd } = io
  const named = namedProject({ flag, env })
  const isChosen = hasStore(io, store)
  const settings = named !== undefined && isChosen ? undefined : await pipelineSettings(cwd)
  const project = named ?? (await detectProject(io, settings?.project))
  return { url: chosenUrl(io, { store, settings }), project }
}

/** As `openProjectStore`, for what a lease's id alone decides: any project will do. */
export async function openLeaseStore(io: Io, { store }: Pick<StoreFlags, "store">): Promise<StateStore> {
  const settings = hasStore(io, store) ? undefined : await pipelineSettings(io.cwd)
  return openStore(chosenUrl(io, { store, settings }), { site: "any", owner: "any", name: "any" })
}

function hasStore({ env }: Io, flag: string | undefined): boolean {
  return flag !== undefined || (env["ALCIDES_STATE"] ?? "") !== ""
}

// A relative folder in the pipeline file is relative to that file, wherever the command is run.
function chosenUrl(
  io: Io,
  { store: flag, settings }: { readonly store: string | undefined; readonly settings: FileSettings | undefined },
): string {
  const { env, cwd } = io
  if (hasStore(io, flag)) return storeUrl({ flag, env, configured: undefined, cwd })
  return storeUrl({ flag, env, configured: settings?.store, cwd: settings?.folder ?? cwd })
}

async function detectProject({ env, cwd }: Io, configured: string | undefined): Promise<Project> {
  try {
    return await resolveProject({ env, cwd })
  } catch (error) {
    if (configured === undefined || !(error instanceof AlcidesError) || error.code !== "project-unknown") throw error
    return parseProject(configured)
  }
}

type FileSettings = {
  readonly folder: string
  readonly store: string | undefined
  readonly project: string | undefined
}

// No pipeline file, no settings; a broken one is an error, because it may name another store.
async function pipelineSettings(cwd: string): Promise<FileSettings | undefined> {
  let path
  try {
    path = findPipelineFile({ cwd, root: checkoutRoot(cwd) })
  } catch (error) {
    if (error instanceof AlcidesError && error.code === "pipeline-missing") return undefined
    throw error
  }
  const { loadPipeline } = await import("../pipeline/load.ts")
  const { store, project } = (await loadPipeline(path)).settings
  return { folder: dirname(path), store, project }
}
