import type { Effect } from "../effect/effect.ts"
import { usageError } from "../errors.ts"
import type { Build } from "../nix/build.ts"
import { decisionOf, type Decision } from "./decision.ts"
import type { Dependencies, EffectTreeNode, Jobs, PipelineDefinition, Prebuilt } from "./pipeline.ts"
import { parseWhen, type When } from "./when.ts"

export type Job = {
  readonly kind: "onPush" | "onSchedule"
  readonly name: string
  readonly when: When | undefined
}

/** One effect at its place in the tree. */
export type EffectNode = {
  /** The place: `neat-network`, or `onSchedule.nightly.backup` outside of the default job. */
  readonly id: string
  readonly job: Job
  readonly effect: Effect
  /** `undefined` means that no condition stands before it. */
  readonly decision: Decision | undefined
  readonly runs: boolean
}

/** Something that is only built, at its place in the tree. */
export type BuildNode = { readonly id: string; readonly job: Job; readonly builds: readonly Build[] }

export type FlatPipeline = {
  readonly jobs: readonly Job[]
  readonly effects: readonly EffectNode[]
  readonly builds: readonly BuildNode[]
}

// As deep as Hercules CI walks.
const deepest = 10

/**
 * Lays the tree of a pipeline flat.
 * Throws `pipeline-tree-invalid`, `effect-name-taken`, `after-unknown`, `after-cycle`, `schedule-invalid`.
 */
export function flattenPipeline(definition: PipelineDefinition): FlatPipeline {
  const flat: { jobs: Job[]; effects: EffectNode[]; builds: BuildNode[] } = { jobs: [], effects: [], builds: [] }
  for (const { job, outputs } of jobsOf(definition)) {
    flat.jobs.push(job)
    const prefix = job.kind === "onPush" && job.name === "default" ? [] : [job.kind, job.name]
    walk({ node: outputs, path: prefix, job, decision: undefined, flat })
  }
  assertNames(flat.effects)
  assertOrder(flat.effects)
  return flat
}

/** The effect that a name or a place means. Throws `effect-unknown`. */
export function findEffect(effects: readonly EffectNode[], name: string): EffectNode {
  const found = effects.find(({ id }) => id === name) ?? effects.find(({ effect }) => effect.name === name)
  if (found !== undefined) return found
  const known = effects.map(({ id }) => id)
  throw usageError({
    code: "effect-unknown",
    message: `the pipeline has no effect ${JSON.stringify(name)}`,
    hint:
      known.length === 0
        ? "the pipeline has no effects at all"
        : `it has ${known.slice(0, 8).join(", ")}${known.length > 8 ? ", …; see alcides effect list" : ""}`,
  })
}

/** The nodes that must have succeeded before this one. */
export function predecessors(node: EffectNode, effects: readonly EffectNode[]): readonly EffectNode[] {
  const sameJob = effects.filter(({ job }) => job === node.job)
  return node.effect.after.map((name) => findEffect(sameJob, name))
}

function jobsOf(definition: PipelineDefinition): readonly { readonly job: Job; readonly outputs: EffectTreeNode }[] {
  if (typeof definition !== "object" || definition === null) throw treeInvalid("the pipeline", definition)
  if (!isJobs(definition)) {
    return [{ job: { kind: "onPush", name: "default", when: undefined }, outputs: definition }]
  }
  const unknown = Object.keys(definition).find((key) => key !== "onPush" && key !== "onSchedule")
  if (unknown !== undefined) {
    throw usageError({
      code: "pipeline-tree-invalid",
      message: `${JSON.stringify(unknown)} stands beside onPush or onSchedule`,
      hint: "put effects into onPush.<job>.outputs, or return the plain tree of effects alone",
    })
  }
  return [
    ...Object.entries(definition.onPush ?? {}).map(([name, job]) => ({
      job: { kind: "onPush", name, when: undefined } as const,
      outputs: job.outputs,
    })),
    ...Object.entries(definition.onSchedule ?? {}).map(([name, job]) => ({
      job: { kind: "onSchedule", name, when: parseWhen(name, job.when) } as const,
      outputs: job.outputs,
    })),
  ]
}

function isJobs(definition: PipelineDefinition): definition is Jobs {
  return "onPush" in definition || "onSchedule" in definition
}

type WalkOptions = {
  readonly node: EffectTreeNode
  readonly path: readonly string[]
  readonly job: Job
  readonly decision: Decision | undefined
  readonly flat: { readonly effects: EffectNode[]; readonly builds: BuildNode[] }
}

function walk({ node, path, job, decision, flat }: WalkOptions): void {
  const place = path.length === 0 ? "the pipeline" : path.join(".")
  if (path.length > deepest) {
    throw usageError({
      code: "pipeline-tree-invalid",
      message: `${place} is nested deeper than ${deepest} levels`,
      hint: "flatten the tree of effects",
    })
  }
  if (typeof node !== "object" || node === null) throw treeInvalid(place, node)
  if (isEffect(node)) {
    flat.effects.push({ id: placeOf(path, "run") ?? node.name, job, effect: node, decision, runs: true })
  } else if (isDependencies(node)) {
    const id = placeOf(path, "dependencies") ?? node.of.name
    flat.effects.push({ id, job, effect: node.of, decision, runs: false })
  } else if (isPrebuilt(node)) {
    flat.builds.push({ id: placeOf(path, "prebuilt") ?? "prebuilt", job, builds: node.builds })
  } else {
    for (const [name, child] of Object.entries(node)) {
      walk({ node: child, path: [...path, name], job, decision: decisionOf(node) ?? decision, flat })
    }
  }
}

const isEffect = (node: EffectTreeNode): node is Effect => node.kind === "effect"
const isDependencies = (node: EffectTreeNode): node is Dependencies => node.kind === "dependencies"
const isPrebuilt = (node: EffectTreeNode): node is Prebuilt => node.kind === "prebuilt"

// `neat-network.run` is the place of `neat-network`.
function placeOf(path: readonly string[], last: string): string | undefined {
  const place = path.at(-1) === last ? path.slice(0, -1) : path
  return place.length === 0 ? undefined : place.join(".")
}

function assertNames(effects: readonly EffectNode[]): void {
  const seen = new Map<string, EffectNode>()
  for (const node of effects) {
    const key = JSON.stringify([node.job.kind, node.job.name, node.effect.name])
    const other = seen.get(key)
    if (other !== undefined) {
      throw usageError({
        code: "effect-name-taken",
        message: `${other.id} and ${node.id} are both named ${JSON.stringify(node.effect.name)}`,
        hint: "give each effect a name of its own: state files and locks are named after it",
      })
    }
    seen.set(key, node)
  }
}

function assertOrder(effects: readonly EffectNode[]): void {
  const done = new Set<EffectNode>()
  const visit = (node: EffectNode, path: readonly EffectNode[]): void => {
    if (done.has(node)) return
    const start = path.indexOf(node)
    if (start !== -1) {
      throw usageError({
        code: "after-cycle",
        message: `effects wait for each other: ${[...path.slice(start), node].map(({ id }) => id).join(" after ")}`,
        hint: "take one `after` away",
      })
    }
    for (const before of predecessors(node, effects)) visit(before, [...path, node])
    done.add(node)
  }
  for (const node of effects) visit(node, [])
}

function treeInvalid(place: string, value: unknown): Error {
  return usageError({
    code: "pipeline-tree-invalid",
    message: `${place} is ${value === null ? "null" : typeof value}, not an effect or a tree of effects`,
    hint: "return effects made by mkEffect, runNixOps and the like, under names of your choice",
  })
}
