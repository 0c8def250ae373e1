import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { dir } from "tmp-promise"
import { ownEnvironment } from "../effect/environment.ts"
import { cleanAbandoned } from "../effect/abandoned.ts"
import { AlcidesError, messageOf } from "../errors.ts"
import { prebuild } from "../nix/prebuild.ts"
import { surroundingLease } from "../state/locks/surrounding-lease.ts"
import { formatProject } from "../state/names.ts"
import type { StateStore } from "../state/store.ts"
import { runInOrder } from "./order.ts"
import { whyNot } from "./plan.ts"
import type { Prepared } from "./prepare.ts"
import { runOne, type EffectReport, type RunSettings } from "./run-one.ts"
import { claimDue } from "./schedule.ts"
import { watchStrayErrors } from "./stray-errors.ts"
import type { Job } from "./tree.ts"

export { exitOf } from "./exit.ts"

export type RunReport = {
  /** How many builds stood before the effects. */
  readonly builds: number
  readonly effects: readonly EffectReport[]
  /** Why the run was ended early, when it was. */
  readonly ended: AlcidesError | undefined
}

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
 * one that touches the same state file or lock. Throws `lease-id-invalid` and what `prebuildAll` throws; what an effect does is in the report.
 */
export async function runPipeline(prepared: Prepared, settings: RunSettings): Promise<RunReport> {
  const surrounding = surroundingLease(settings.env, prepared)
  await clean(prepared.store, settings)
  const builds = await prebuildAll(prepared, settings)
  settings.signal.throwIfAborted()
  const lost = await claimSchedule(prepared)
  const stray = watchStrayErrors()
  const signal = AbortSignal.any([settings.signal, stray.signal])
  const world = { ...settings, signal, store: prepared.store, detected: prepared.detected, surrounding }
  try {
    const effects = await runInOrder(prepared.effects, {
      signal,
      whyNot: (effect) =>
        whyNot(effect) ?? (lost.has(effect.node.job) ? "another run took this moment of the schedule" : undefined),
      run: (effect) => runOne(effect, world),
    })
    return { builds, effects, ended: signal.aborted ? endOf(signal.reason) : undefined }
  } finally {
    stray.stop()
  }
}

function endOf(reason: unknown): AlcidesError {
  return reason instanceof AlcidesError
    ? reason
    : new AlcidesError({ code: "internal", message: `the run was ended: ${messageOf(reason)}`, cause: reason })
}

/** Where effects have their private folders. */
export function privateParent(env: RunSettings["env"]): string {
  return join(resolve(env["TMPDIR"] || tmpdir()), `alcides-${process.geteuid?.() ?? 0}`)
}

// Only now that everything builds: a moment that cannot be used is left for the next run.
async function claimSchedule({ due, store, detected: { writer } }: Prepared): Promise<ReadonlySet<Job>> {
  const lost = new Set<Job>()
  for (const moment of due) if (!(await claimDue(moment, { store, writer }))) lost.add(moment.job)
  return lost
}

async function clean(
  store: StateStore,
  { privateParent: parent, keptFolder: keepIn, log }: RunSettings,
): Promise<void> {
  const own = formatProject(store.project)
  const encryptionOf = (project: string) => (project === own ? store.encryption : undefined)
  try {
    for (const { effect, kept } of await cleanAbandoned({ parent, keepIn, encryptionOf })) {
      log.warn(`an earlier run of ${effect} was killed before it could put its state; what it had is kept in ${kept}`)
    }
  } catch (error) {
    log.warn(`could not clean up after an earlier run: ${messageOf(error)}`)
  }
}
