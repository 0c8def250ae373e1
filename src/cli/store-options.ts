import { basename, dirname } from "node:path"
import { Option } from "@commander-js/extra-typings"
import { AlcidesError } from "../errors.ts"
import { checkoutRoot, findPipelineFile } from "../pipeline/find.ts"
import { namedProject, resolveProject } from "../pipeline/project.ts"
import { recipientsIn } from "../pipeline/recipients.ts"
import type { AgeKey } from "../state/encryption/age-keys.ts"
import { chooseEncryption } from "../state/encryption/choose-encryption.ts"
import type { Encryption } from "../state/encryption/encryption.ts"
import { parseProject } from "../state/names.ts"
import { openStore, storeUrl } from "../state/open.ts"
import type { Project, StateStore } from "../state/store.ts"
import { interruptible } from "./interruptible.ts"
import type { Io } from "./io.ts"

/** `--store`. */
export const storeOption = () =>
  new Option(
    "--store <url>",
    "where state and locks are kept (default: ALCIDES_STATE, else what the pipeline file says, else a folder of this user)",
  )

/** `--recipient`, for commands that write contents. */
export const recipientOption = () =>
  new Option(
    "--recipient <key>",
    "encrypt for this age public key; repeatable (default: ALCIDES_AGE_RECIPIENTS and ALCIDES_AGE_RECIPIENTS_FILE, else what the pipeline file says)",
  ).argParser(collect)

/** `--identity`, for commands that read contents. */
export const identityOption = () =>
  new Option(
    "--identity <file>",
    "a file of age secret keys to decrypt with; repeatable, beside ALCIDES_AGE_IDENTITY and ALCIDES_AGE_IDENTITY_FILE",
  ).argParser(collect)

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

export type StoreFlags = {
  readonly project?: string | undefined
  readonly store?: string | undefined
  readonly recipient?: readonly string[] | undefined
  readonly identity?: readonly string[] | undefined
  /** What the command does with the contents of state files, which decides what must be known of encryption. Default: write. */
  readonly contents?: "none" | "read" | "write"
}

export type ChosenStore = {
  readonly url: string
  readonly project: Project
  readonly encryption: Encryption | undefined
}

/** The store that the flags, the environment or the pipeline file name, open for one project. */
export async function openProjectStore(io: Io, flags: StoreFlags): Promise<StateStore> {
  const { url, project, encryption } = await chosenStore(io, flags)
  return interruptible(await openStore(url, project, { env: io.env, encryption }), io.signal)
}

/** The URL of the store that the flags, the environment or the pipeline file name, the project, and how its contents are encrypted. */
export async function chosenStore(io: Io, flags: StoreFlags): Promise<ChosenStore> {
  const { project: flag, store, contents = "write" } = flags
  const { env, cwd } = io
  const named = namedProject({ flag, env })
  const isChosen = named !== undefined && hasStore(io, store)
  const settings =
    isChosen && (contents !== "write" || hasRecipients(io, flags)) ? undefined : await pipelineSettings(cwd)
  const project = named ?? (await detectProject(io, settings?.project))
  const encryption =
    contents === "none"
      ? undefined
      : await chooseEncryption({
          env,
          cwd,
          recipients: flags.recipient,
          identities: flags.identity,
          configured: settings?.recipients,
          mask: io.redactor.add,
        })
  return { url: chosenUrl(io, { store, settings }), project, encryption }
}

// An effect's programs are told the recipients of the run; without any there are none.
function hasRecipients({ env }: Io, { recipient = [] }: StoreFlags): boolean {
  const { ALCIDES_AGE_RECIPIENTS: list = "", ALCIDES_AGE_RECIPIENTS_FILE: file = "" } = env
  return recipient.length > 0 || list !== "" || file !== "" || env["IN_ALCIDES_EFFECT"] === "true"
}

const anyProject: Project = { site: "any", owner: "any", name: "any" }

/** As `openProjectStore`, for what a lease's id alone decides: any project will do. */
export async function openLeaseStore(io: Io, { store: flag }: Pick<StoreFlags, "store">): Promise<StateStore> {
  const settings = hasStore(io, flag) ? undefined : await pipelineSettings(io.cwd)
  const store = await openStore(chosenUrl(io, { store: flag, settings }), anyProject, { env: io.env })
  return interruptible(store, io.signal)
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
  readonly recipients: readonly AgeKey[]
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
  const { settings } = await loadPipeline(path)
  const { store, project } = settings
  return { folder: dirname(path), store, project, recipients: recipientsIn(settings, basename(path)) }
}
