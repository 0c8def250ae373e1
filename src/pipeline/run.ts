import { tmpdir } from "node:os"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { ownEnvironment } from "../effect/environment.ts"
import { cleanAbandoned } from "../effect/abandoned.ts"
import { Exit, messageOf, type ExitCode } from "../errors.ts"
import { prebuild } from "../nix/prebuild.ts"
import { stateHome } from "../state/open.ts"
import { claimsOf, conflict } from "./claims.ts"
import { verdict } from "./plan.ts"
import type { Prepared, PreparedEffect } from "./prepare.ts"
import { runOne, type EffectReport, type RunSettings } from "./run-one.ts"
import { claimDue } from "./schedule.ts"
import { predecessors, type Job } from "./tree.ts"

export type RunReport = {
  /** How many builds stood before the effects. */
  readonly builds: number
  readonly effects: readonly EffectReport[]
}

// Effects wait for other machines most of the time; their number is bounded all the same.
const mostAtOnce = 16

type PrebuildSettings = Pick<RunSettings, "env" | "log" | "redactor" | "signal" | "onProgress">

/** Builds what the effects and the tree say must build, all in one go. Throws `prebuild-failed` and `nix-missing`. */
export async function prebuildAll(
  { effects, builds }: Prepared,
  { env, log, redactor, signal, onProgress }: PrebuildSettings,
): Promise<number> {
  const requests = [...effects, ...builds].flatMap((node) => node.requests)
  if (requests.length === 0) return 0
  const { path, cleanup } = await dir({ prefix: "alcides-roots-", unsafeCleanup: true })
  onProgress?.("prebuild", `${requests.length} builds`)
  try {
    const results = await prebuild(requests, { env: ownEnvironment(env), log, redactor, signal, gcRoots: path })
    return new Set(results.flatMap(({ drvPaths }) => drvPaths)).size
  } finally {
    onProgress?.("prebuild", undefined)
    await cleanup()
  }
}

/**
 * Prebuilds everything and, only if all is green, runs the effects that should run: each after its predecessors, and never beside
 * one that touches the same state file or lock. Throws what `prebuildAll` throws; what an effect does is in the report.
 */
export async function runPipeline(prepared: Prepared, settings: RunSettings): Promise<RunReport> {
  await clean(settings)
  const builds = await prebuildAll(prepared, settings)
  settings.signal.throwIfAborted()
  const lost = await claimSchedule(prepared)
  const world = { ...settings, store: prepared.store, detected: prepared.detected }
  const reports = new Map<PreparedEffect, EffectReport>()
  const running = new Map<PreparedEffect, Promise<void>>()
  const waiting = new Set<PreparedEffect>()
  const start = async (effect: PreparedEffect): Promise<void> => {
    reports.set(effect, await runOne(effect, world))
    running.delete(effect)
  }
  for (const effect of prepared.effects) {
    const { runs, because } = verdict({ ...effect, grants: { ...effect.grants, refused: [] } }, undefined)
    if (runs && lost.has(effect.node.job)) {
      reports.set(
        effect,
        notRun(effect, { status: "not run", because: "another run took this moment of the schedule" }),
      )
    } else if (runs) waiting.add(effect)
    else reports.set(effect, notRun(effect, { status: "not run", because }))
  }

  while (waiting.size > 0 || running.size > 0) {
    for (const effect of waiting) {
      const before = predecessorsOf(effect, prepared)
      const stopped = before.find((other) => isStop(reports.get(other)))
      if (stopped !== undefined || settings.signal.aborted) {
        waiting.delete(effect)
        const because =
          stopped === undefined
            ? "the run was ended"
            : `it comes after ${stopped.node.id}, which ${reports.get(stopped)?.status === "superseded" ? "was superseded" : "did not succeed"}`
        reports.set(effect, notRun(effect, { status: "skipped", because }))
      } else if (
        running.size < mostAtOnce &&
        before.every((other) => reports.has(other)) &&
        [...running.keys()].every((other) => !conflict(claimsOf(other.node), claimsOf(effect.node)))
      ) {
        waiting.delete(effect)
        running.set(effect, start(effect))
      }
    }
    if (running.size > 0) await Promise.race(running.values())
  }
  return { builds, effects: prepared.effects.flatMap((effect) => reports.get(effect) ?? []) }
}

/** The exit code of a whole run: what is worst for the user, first. */
export function exitOf({ effects }: RunReport): ExitCode {
  const codes = new Set(
    effects.flatMap(({ status, error }) => (status === "failed" ? [error?.exit ?? Exit.failed] : [])),
  )
  const worst = [Exit.stateAtRisk, Exit.notRolledBack].find((code) => codes.has(code))
  if (worst !== undefined) return worst
  if (codes.size === 0) return Exit.done
  if (effects.some(({ status }) => status === "succeeded")) return Exit.partOfFleet
  return [Exit.notLocked, Exit.usage].find((code) => codes.has(code)) ?? Exit.failed
}

/** Where effects have their private folders. */
export function privateParent(env: RunSettings["env"]): string {
  return join(env["TMPDIR"] ?? tmpdir(), `alcides-${process.getuid?.() ?? 0}`)
}

/** Where state files are kept that could not be put. */
export function keptFolder(env: RunSettings["env"]): string {
  return join(stateHome(env), "alcides", "kept")
}

// Only now that everything builds: a moment that cannot be used is left for the next run.
async function claimSchedule({ due, store, detected: { writer } }: Prepared): Promise<ReadonlySet<Job>> {
  const lost = new Set<Job>()
  for (const moment of due) if (!(await claimDue(moment, { store, writer }))) lost.add(moment.job)
  return lost
}

async function clean({ privateParent: parent, keptFolder: keepIn, log }: RunSettings): Promise<void> {
  try {
    for (const { effect, kept } of await cleanAbandoned({ parent, keepIn })) {
      log.warn(`an earlier run of ${effect} was killed before it could put its state; what it had is kept in ${kept}`)
    }
  } catch (error) {
    log.warn(`could not clean up after an earlier run: ${messageOf(error)}`)
  }
}

function predecessorsOf({ node }: PreparedEffect, { effects }: Prepared): readonly PreparedEffect[] {
  const before = predecessors(
    node,
    effects.map((other) => other.node),
  )
  return effects.filter((other) => before.includes(other.node))
}

const isStop = (report: EffectReport | undefined): boolean =>
  report !== undefined && ["failed", "skipped", "superseded"].includes(report.status)

function notRun({ node }: PreparedEffect, fields: Pick<EffectReport, "status" | "because">): EffectReport {
  return { id: node.id, name: node.effect.name, ms: 0, phases: [], state: [], ...fields }
}
