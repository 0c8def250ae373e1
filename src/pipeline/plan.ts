import { buildLabel } from "../nix/build.ts"
import { formatProject } from "../state/names.ts"
import type { LockStatus } from "../state/store.ts"
import type { Detected } from "./detect.ts"
import { claimsOf } from "./claims.ts"
import type { Prepared, PreparedEffect } from "./prepare.ts"
import { predecessors, type EffectNode } from "./tree.ts"
import { newerDeployment, type SupersededOptions } from "./superseded.ts"
import { describeWhen } from "./when.ts"

export type PlannedSecret = {
  readonly name: string
  readonly secret: string
  readonly granted: boolean
  readonly because: string
}

export type PlannedState = {
  readonly name: string
  readonly access: "read" | "write"
  readonly version: number | "absent"
  /** What it means that the file is absent. */
  readonly means?: string
}

export type PlannedLock = {
  readonly name: string
  readonly shared: boolean
  /** Who holds it now, when that is in the way. */
  readonly heldBy?: string
}

export type PlannedEffect = {
  readonly id: string
  readonly name: string
  readonly runs: boolean
  /** What decided: the condition, or the selection. */
  readonly because: string
  /** Why it would fail at once: a refused secret, a missing state file. */
  readonly fails?: string
  /** Why it would give way to a newer commit that was deployed already. */
  readonly superseded?: string
  /** Why it would be skipped: what it comes after would not run. */
  readonly skipped?: string
  readonly builds: readonly string[]
  readonly secrets: readonly PlannedSecret[]
  readonly state: readonly PlannedState[]
  readonly locks: readonly PlannedLock[]
  readonly after: readonly string[]
}

export type Plan = {
  readonly file: string
  readonly project: string
  readonly store: string
  readonly secretsFile: string
  readonly repo: Detected["repo"]
  readonly origin: Detected["origin"]
  readonly effects: readonly PlannedEffect[]
  /** What is built in any case, each thing once. */
  readonly builds: readonly string[]
  /** The scheduled jobs that this run leaves alone, and when they are due. */
  readonly schedules: readonly { readonly name: string; readonly when: string }[]
}

/** What a run would do, and why not. Reads the store, changes nothing. */
export async function makePlan(prepared: Prepared): Promise<Plan> {
  const { file, detected, effects, builds, store, secretsLabel, pipeline, jobs } = prepared
  const locks = await store.locks()
  return {
    file,
    project: formatProject(store.project),
    store: store.url,
    secretsFile: secretsLabel,
    repo: detected.repo,
    origin: detected.origin,
    effects: withSkipped(
      new Map(
        await Promise.all(
          effects.map(async (effect) => [effect.node, await planEffect(effect, { store, locks, detected })] as const),
        ),
      ),
    ),
    builds: [
      ...new Set([...effects, ...builds].flatMap(({ requests }) => requests.map(({ build }) => buildLabel(build)))),
    ],
    schedules: pipeline.jobs.flatMap((job) =>
      job.when === undefined || jobs.includes(job) ? [] : [{ name: job.name, when: describeWhen(job.when) }],
    ),
  }
}

async function planEffect(
  prepared: PreparedEffect,
  { store, locks, detected }: Omit<SupersededOptions, "id"> & { readonly locks: readonly LockStatus[] },
): Promise<PlannedEffect> {
  const { node, grants, requests } = prepared
  const { effect } = node
  const state = await Promise.all(
    effect.state.map(async ({ name, access, missingMeans }): Promise<PlannedState> => {
      const version = (await store.history(name))?.[0]
      const absent = version === undefined || version.deleted === true
      return {
        name,
        access,
        version: absent ? "absent" : version.version,
        ...(absent && missingMeans !== undefined && { means: missingMeans }),
      }
    }),
  )
  const missing = effect.state.find(
    ({ name, onMissing }) =>
      onMissing === "fail" && state.some((file) => file.name === name && file.version === "absent"),
  )
  const [refused] = grants.refused
  const fails =
    refused !== undefined
      ? `secret ${refused.secret}: ${refused.because}`
      : missing !== undefined
        ? `state file ${missing.name} is missing`
        : undefined
  const decided = verdict(prepared)
  const superseded = decided.runs ? await newerDeployment({ store, detected, id: node.id }) : undefined
  return {
    id: node.id,
    name: effect.name,
    ...decided,
    ...(superseded !== undefined && { superseded }),
    ...(fails !== undefined && { fails }),
    builds: requests.map(({ build }) => buildLabel(build)),
    secrets: grants.decisions,
    state,
    locks: claimsOf(node).map(({ lock, exclusive }) => {
      const holder = locks.find((status) => status.lock === lock)?.leases.find((lease) => exclusive || lease.exclusive)
      return {
        name: lock,
        shared: !exclusive,
        ...(holder !== undefined && { heldBy: `${holder.holder.by} since ${holder.acquired}: ${holder.description}` }),
      }
    }),
    after: effect.after,
  }
}

// What comes after a superseded effect does not begin either.
function withSkipped(planned: ReadonlyMap<EffectNode, PlannedEffect>): readonly PlannedEffect[] {
  const nodes = [...planned.keys()]
  const known = new Map<EffectNode, string | undefined>()
  const lookUp = (node: EffectNode): string | undefined => {
    for (const before of predecessors(node, nodes)) {
      const one = planned.get(before)
      if (one?.runs !== true) continue
      if (one.superseded !== undefined) return `it comes after ${before.id}, which would be superseded`
      if (skippedBy(before) !== undefined) return `it comes after ${before.id}, which would be skipped`
    }
    return undefined
  }
  const skippedBy = (node: EffectNode): string | undefined => {
    if (!known.has(node)) known.set(node, lookUp(node))
    return known.get(node)
  }
  return Array.from(planned, ([node, one]) => {
    const skipped = one.runs ? skippedBy(node) : undefined
    return skipped === undefined ? one : { ...one, skipped }
  })
}

/** Why an effect is not part of a run; `undefined` when it is. */
export function whyNot({ node, selected }: Pick<PreparedEffect, "node" | "selected">): string | undefined {
  if (!node.runs) return conditionOf(node) ?? "its condition is false"
  return selected ? undefined : "--only does not name it"
}

function verdict(prepared: PreparedEffect): Pick<PlannedEffect, "runs" | "because"> {
  const not = whyNot(prepared)
  return not === undefined
    ? { runs: true, because: conditionOf(prepared.node) ?? "no condition stands before it" }
    : { runs: false, because: not }
}

function conditionOf(node: EffectNode): string | undefined {
  const decision = node.decision?.()
  return decision === undefined
    ? undefined
    : `${decision.condition ?? "its condition"} is ${decision.holds}${decision.at === undefined ? "" : ` (${decision.at})`}`
}
