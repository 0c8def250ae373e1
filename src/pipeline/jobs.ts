import { usageError } from "../errors.ts"
import type { EffectTreeNode, Jobs, PipelineDefinition } from "./pipeline.ts"
import { parseWhen, type When } from "./when.ts"

export type Job = {
  readonly kind: "onPush" | "onSchedule"
  readonly name: string
  readonly when: When | undefined
}

export type JobOutputs = { readonly job: Job; readonly outputs: EffectTreeNode }

/** The jobs of a pipeline; a plain tree is the one job `onPush.default`. Throws `pipeline-tree-invalid` and `schedule-invalid`. */
export function jobsOf(definition: PipelineDefinition): readonly JobOutputs[] {
  if (!isPlain(definition)) throw treeInvalid("the pipeline", definition)
  if (!isJobs(definition)) {
    return [{ job: { kind: "onPush", name: "default", when: undefined }, outputs: definition }]
  }
  assertKeys(definition, { place: "the pipeline", known: ["onPush", "onSchedule"] })
  return [
    ...entries("onPush", definition.onPush).map(([name, { outputs }]) => ({
      job: { kind: "onPush", name, when: undefined } as const,
      outputs,
    })),
    ...entries("onSchedule", definition.onSchedule).map(([name, { when, outputs }]) => ({
      job: { kind: "onSchedule", name, when: parseWhen(name, when) } as const,
      outputs,
    })),
  ]
}

function isJobs(definition: PipelineDefinition): definition is Jobs {
  return "onPush" in definition || "onSchedule" in definition
}

function entries<J extends { readonly outputs: EffectTreeNode }>(
  kind: Job["kind"],
  jobs: Readonly<Record<string, J>> | undefined,
): readonly [string, J][] {
  if (jobs === undefined) return []
  if (!isPlain(jobs)) throw treeInvalid(kind, jobs)
  const found = Object.entries(jobs)
  for (const [name, job] of found) {
    const place = `${kind}.${name}`
    if (!isPlain(job)) throw treeInvalid(place, job)
    assertKeys(job, { place, known: kind === "onPush" ? ["outputs"] : ["when", "outputs"] })
    if (!("outputs" in job)) throw treeInvalid(`${place}.outputs`, undefined)
  }
  return found
}

function assertKeys(value: object, { place, known }: { readonly place: string; readonly known: readonly string[] }) {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw usageError({
    code: "pipeline-tree-invalid",
    message: `${place} has ${JSON.stringify(unknown)} beside ${known.join(" and ")}`,
    hint: "put effects into onPush.<job>.outputs, or return the plain tree of effects alone",
  })
}

/** Whether this is an object as one writes it: no list, no promise, nothing of a class. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The error of a value that is no part of a pipeline. */
export function treeInvalid(place: string, value: unknown): Error {
  return usageError({
    code: "pipeline-tree-invalid",
    message: `${place} is ${kindOf(value)}, not an effect or a tree of effects`,
    hint:
      value instanceof Promise
        ? "await it: export default pipeline(async ({ repo }) => ({ … }))"
        : "return effects made by mkEffect, runNixOps and the like, under names of your choice",
  })
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return `a ${value.constructor.name || "class"}`
  return `a ${typeof value}`
}
