import { basename, dirname } from "node:path"
import { usageError } from "../errors.ts"
import type { BuildRequest } from "../nix/build.ts"
import { gitTokenOf } from "../secrets/git-token.ts"
import { grantSecrets, type Grants } from "../secrets/grant.ts"
import { locateSecrets, readSecrets } from "../secrets/location.ts"
import { chooseEncryption } from "../state/encryption/choose-encryption.ts"
import { openStore, storeUrl } from "../state/open.ts"
import { parseProject } from "../state/names.ts"
import type { Project, StateStore } from "../state/store.ts"
import { detectSurely, type Detected, type RefFlags } from "./detect.ts"
import { checkoutRoot, findPipelineFile } from "./find.ts"
import { loadPipeline, pipelineFailed } from "./load.ts"
import type { Pipeline, PipelineSettings } from "./pipeline.ts"
import { namedProject, projectOf } from "./project.ts"
import { dueJobs, type DueJob } from "./schedule.ts"
import { recipientsIn } from "./recipients.ts"
import { findEffect, flattenPipeline, type BuildNode, type EffectNode, type FlatPipeline, type Job } from "./tree.ts"

export type PrepareOptions = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** The pipeline file, when named. */
  readonly file?: string | undefined
  readonly refs?: RefFlags
  readonly project?: string | undefined
  readonly store?: string | undefined
  readonly secrets?: string | undefined
  /** Effects, by name or place; empty means all. */
  readonly only?: readonly string[]
  /** Run this scheduled job instead of the push jobs; `true` means those that are due. */
  readonly onSchedule?: string | true | undefined
  /** Told every secret key that state is encrypted with, so that no line shows it. */
  readonly mask?: ((value: string) => void) | undefined
  /** Aborted while the pipeline loads, it throws its reason. */
  readonly signal?: AbortSignal
}

/** An effect of this run, with everything that decides whether it may run. */
export type PreparedEffect = {
  readonly node: EffectNode
  readonly src: string
  readonly selected: boolean
  readonly grants: Grants
  readonly requests: readonly BuildRequest[]
}

/** A pipeline, ready to be planned or run: everything is read and checked, nothing is built or changed. */
export type Prepared = {
  readonly file: string
  readonly detected: Detected
  readonly pipeline: FlatPipeline
  readonly jobs: readonly Job[]
  /** The jobs that are part of this run because their moment has come. */
  readonly due: readonly DueJob[]
  readonly effects: readonly PreparedEffect[]
  /** What is only built. */
  readonly builds: readonly (BuildNode & { readonly requests: readonly BuildRequest[] })[]
  readonly store: StateStore
  /** What the secrets were read from. */
  readonly secretsLabel: string
}

/** Loads the pipeline and asks every question that can be answered before anything is built. Throws usage errors. */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { env, cwd, refs = {}, only = [], onSchedule } = options
  const named = namedProject({ flag: options.project, env })
  const loading = load(options)
  // What is wrong with the flags and the checkout is told first.
  loading.catch(() => {})
  const found = await detectSurely({ env, cwd, flags: refs })
  const { file, pipeline } = await loading
  const detected = withProject(found, named)
  const flat = await evaluate({
    file,
    define: async () => flattenPipeline(await pipeline.define({ repo: detected.repo })),
  })

  const project = named ?? configuredProject(pipeline.settings, detected)
  const configured = recipientsIn(pipeline.settings, basename(file))
  const store = await openStore(
    chooseStore({ flag: options.store, env, cwd, file, settings: pipeline.settings }),
    project,
    { env, encryption: await chooseEncryption({ env, cwd, configured, mask: options.mask }) },
  )
  const scheduled = flat.jobs.filter(({ kind }) => kind === "onSchedule")
  const due = onSchedule === true ? await dueJobs(scheduled, { store, now: new Date() }) : []
  const jobs = onSchedule === true ? due.map(({ job }) => job) : chooseJobs(flat, onSchedule)
  const nodes = flat.effects.filter(({ job }) => jobs.includes(job))
  const selected = only.length === 0 ? nodes : only.map((name) => findEffect(nodes, name))
  const secrets = await readSecrets(locateSecrets({ flag: options.secrets, env, cwd, project }))
  const { repo } = detected
  options.signal?.throwIfAborted()

  return {
    file,
    detected,
    pipeline: flat,
    jobs,
    due,
    store,
    secretsLabel: secrets.label,
    effects: nodes.map((node) => {
      const src = node.effect.src ?? repo.root
      return {
        node,
        src,
        selected: selected.includes(node),
        grants: grantSecrets({ secretsMap: node.effect.secretsMap, secrets, repo, gitToken: gitTokenOf(env) }),
        requests: node.effect.prebuilt.map((build) => ({ build, src })),
      }
    }),
    builds: flat.builds
      .filter(({ job }) => jobs.includes(job))
      .map((node) => ({
        ...node,
        requests: node.builds.map((build) => ({ build, src: srcOf(node, nodes) ?? repo.root })),
      })),
  }
}

async function load({
  cwd,
  file: flag,
}: PrepareOptions): Promise<{ readonly file: string; readonly pipeline: Pipeline }> {
  const file = findPipelineFile({ cwd, root: checkoutRoot(cwd), flag })
  return { file, pipeline: await loadPipeline(file) }
}

async function evaluate<T>({ file, define }: { readonly file: string; readonly define: () => Promise<T> }): Promise<T> {
  try {
    return await define()
  } catch (error) {
    throw pipelineFailed({ path: file, error })
  }
}

// A project that was named is the one that conditions ask about, too.
function withProject(detected: Detected, named: Project | undefined): Detected {
  if (named === undefined) return detected
  const { site, owner, name } = named
  return {
    ...detected,
    repo: { ...detected.repo, site, owner: owner.replaceAll("%2F", "/"), name },
    origin: { ...detected.origin, project: "flag" },
  }
}

// What CI or git say is about this very checkout; the pipeline file speaks where they cannot.
function configuredProject({ project }: PipelineSettings, { repo }: Detected): Project {
  const known = repo.site !== null && repo.owner !== null && repo.name !== null
  return known || project === undefined ? projectOf(repo) : parseProject(project)
}

function chooseStore({
  flag,
  env,
  cwd,
  file,
  settings,
}: Pick<PrepareOptions, "env" | "cwd"> & {
  readonly flag: string | undefined
  readonly file: string
  readonly settings: PipelineSettings
}): string {
  const chosen = (flag ?? env["ALCIDES_STATE"] ?? "") !== ""
  return storeUrl({ flag, env, configured: settings.store, cwd: chosen ? cwd : dirname(file) })
}

function chooseJobs({ jobs }: FlatPipeline, onSchedule: string | undefined): readonly Job[] {
  if (onSchedule === undefined) return jobs.filter(({ kind }) => kind === "onPush")
  const found = jobs.filter(({ kind, name }) => kind === "onSchedule" && name === onSchedule)
  if (found.length > 0) return found
  const known = jobs.filter(({ kind }) => kind === "onSchedule").map(({ name }) => name)
  throw usageError({
    code: "schedule-unknown",
    message: `the pipeline has no scheduled job ${JSON.stringify(onSchedule)}`,
    hint: known.length === 0 ? "it has no onSchedule jobs at all" : `it has ${known.join(", ")}`,
  })
}

// `runIf` lays what an effect prebuilds beside it; its relative paths start where the effect's do.
function srcOf({ id, job }: BuildNode, nodes: readonly EffectNode[]): string | undefined {
  return nodes.find((node) => node.id === id && node.job === job)?.effect.src
}

/** The part of a pipeline that these effects are, by name or place; all of it when none is named. Throws `effect-unknown`. */
export function narrow(prepared: Prepared, names: readonly string[]): Prepared {
  if (names.length === 0) return prepared
  const nodes = prepared.effects.map(({ node }) => node)
  const wanted = new Set(names.map((name) => findEffect(nodes, name)))
  return { ...prepared, effects: prepared.effects.filter(({ node }) => wanted.has(node)), builds: [] }
}
