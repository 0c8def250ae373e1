import type { Effect } from "../effect/effect.ts"
import { usageError, type AlcidesError } from "../errors.ts"
import type { Build } from "../nix/build.ts"
import { assertLockName, assertStateName } from "../state/names.ts"
import { decisionOf, type Decision } from "./decision.ts"
import { isPlain, jobsOf, treeInvalid, type Job } from "./jobs.ts"
import type { Dependencies, EffectTreeNode, PipelineDefinition, Prebuilt } from "./pipeline.ts"
import { deployedName, effectLock, isOwnRecord } from "./record-names.ts"

export type { Job } from "./jobs.ts"

/** One effect at its place in the tree. */
export type EffectNode = {
  /** The place: `neat-network`, or `onSchedule.nightly.backup` outside of the default job. */
  readonly id: string
  readonly job: Job
  readonly effect: Effect
  /** Which condition decided, read from the source when it is asked for; `undefined` means that none stands before it. */
  readonly decision: (() => Decision) | undefined
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
  const found = lookUp(effects, name)
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

/** The nodes that must have succeeded before this one. Throws `after-unknown`. */
export function predecessors(node: EffectNode, effects: readonly EffectNode[]): readonly EffectNode[] {
  const sameJob = effects.filter(({ job }) => job === node.job)
  return node.effect.after.map((name) => {
    const before = lookUp(sameJob, name)
    if (before !== undefined) return before
    throw usageError({
      code: "after-unknown",
      message: `${node.id} comes after ${JSON.stringify(name)}, and its job has no such effect`,
      hint: `its job has ${sameJob.map(({ id }) => id).join(", ")}`,
    })
  })
}

function lookUp(effects: readonly EffectNode[], name: string): EffectNode | undefined {
  return effects.find(({ id }) => id === name) ?? effects.find(({ effect }) => effect.name === name)
}

type WalkOptions = {
  readonly node: EffectTreeNode
  readonly path: readonly string[]
  readonly job: Job
  readonly decision: EffectNode["decision"]
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
  if (!isPlain(node)) throw treeInvalid(place, node)
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

function reserved({ id, name }: { readonly id: string; readonly name: string }): AlcidesError {
  return usageError({
    code: "state-name-reserved",
    message: `${id} has the state file ${name}, which is a record of Alcides itself`,
    hint: "choose a name that begins neither with alcides.deployed. nor with alcides.schedule.",
  })
}

function assertNames(effects: readonly EffectNode[]): void {
  const ids = new Map<string, EffectNode>()
  const names = new Map<string, EffectNode>()
  for (const node of effects) {
    const { id, effect, job } = node
    // Names in a tree may be anything, but an effect's lock and its last commit are kept under them.
    assertLockName(effectLock(id))
    assertStateName(deployedName(id))
    const own = effect.state.find(({ name }) => isOwnRecord(name))
    if (own !== undefined) throw reserved({ id, name: own.name })
    const key = JSON.stringify([job.kind, job.name, effect.name])
    const other = names.get(key)
    if (other !== undefined) throw taken(`${other.id} and ${id} are both named ${JSON.stringify(effect.name)}`)
    if (ids.has(id)) throw taken(`two effects have the place ${JSON.stringify(id)}`)
    names.set(key, node)
    ids.set(id, node)
  }
}

function taken(message: string): Error {
  return usageError({
    code: "effect-name-taken",
    message,
    hint: "give each effect a name of its own: state files and locks are named after it",
  })
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
