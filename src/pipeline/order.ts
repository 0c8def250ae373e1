import { claimsOf, conflict, type Claim } from "./claims.ts"
import type { PreparedEffect } from "./prepare.ts"
import type { EffectReport } from "./run-one.ts"
import { predecessors } from "./tree.ts"

export type Order = {
  /** Once aborted, no further effect begins. */
  readonly signal: AbortSignal
  /** Why an effect does not run; `undefined` when it does. */
  readonly whyNot: (effect: PreparedEffect) => string | undefined
  /** Must not throw. */
  readonly run: (effect: PreparedEffect) => Promise<EffectReport>
}

// Effects wait for other machines most of the time; their number is bounded all the same.
const mostAtOnce = 16

/** Runs effects side by side: each after its predecessors, and never beside one that touches the same state file or lock. */
export async function runInOrder(
  effects: readonly PreparedEffect[],
  { signal, whyNot, run }: Order,
): Promise<readonly EffectReport[]> {
  const nodes = effects.map(({ node }) => node)
  const reports = new Map<PreparedEffect, EffectReport>()
  const waiting = new Map<
    PreparedEffect,
    { readonly before: readonly PreparedEffect[]; readonly claims: readonly Claim[] }
  >()
  const running = new Map<PreparedEffect, { readonly claims: readonly Claim[]; readonly done: Promise<void> }>()

  for (const effect of effects) {
    const because = whyNot(effect)
    if (because !== undefined) reports.set(effect, notRun(effect, { status: "not run", because }))
    else {
      const before = new Set(predecessors(effect.node, nodes))
      waiting.set(effect, { before: effects.filter(({ node }) => before.has(node)), claims: claimsOf(effect.node) })
    }
  }

  const start = async (effect: PreparedEffect): Promise<void> => {
    reports.set(effect, await run(effect))
    running.delete(effect)
  }
  while (waiting.size > 0 || running.size > 0) {
    for (const [effect, { before, claims }] of waiting) {
      const because = signal.aborted ? "the run was ended" : stopOf(before, reports)
      if (because !== undefined) {
        waiting.delete(effect)
        reports.set(effect, notRun(effect, { status: "skipped", because }))
      } else if (
        running.size < mostAtOnce &&
        before.every((other) => reports.has(other)) &&
        [...running.values()].every((other) => !conflict(other.claims, claims))
      ) {
        waiting.delete(effect)
        running.set(effect, { claims, done: start(effect) })
      }
    }
    if (running.size > 0) await Promise.race([...running.values()].map(({ done }) => done))
  }
  return effects.flatMap((effect) => reports.get(effect) ?? [])
}

// Why an effect must not begin any more: what it comes after did not succeed.
function stopOf(
  before: readonly PreparedEffect[],
  reports: ReadonlyMap<PreparedEffect, EffectReport>,
): string | undefined {
  for (const other of before) {
    const status = reports.get(other)?.status
    if (status === "superseded") return `it comes after ${other.node.id}, which was superseded`
    if (status === "failed") return `it comes after ${other.node.id}, which did not succeed`
    if (status === "skipped") return `it comes after ${other.node.id}, which was skipped`
  }
  return undefined
}

function notRun({ node }: PreparedEffect, fields: Pick<EffectReport, "status" | "because">): EffectReport {
  return { id: node.id, name: node.effect.name, ms: 0, phases: [], state: [], ...fields }
}
