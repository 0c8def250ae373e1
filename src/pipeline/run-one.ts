import { assertNothingKept } from "../effect/kept-folder.ts"
import { passedCredentials } from "../effect/environment.ts"
import { runEffect, type PhaseReport } from "../effect/run-effect.ts"
import { stateMissing, type StateChange } from "../effect/state-exchange.ts"
import { AlcidesError, messageOf } from "../errors.ts"
import type { Log } from "../log.ts"
import { refusedError } from "../secrets/grant.ts"
import { maskSecretData } from "../secrets/mask-data.ts"
import type { Redactor } from "../secrets/redactor.ts"
import { describeLease } from "../state/failures.ts"
import { holdLease, type HeldLease } from "../state/locks/lease.ts"
import { leaseVariables } from "../state/locks/surrounding-lease.ts"
import { formatProject } from "../state/names.ts"
import type { Lease, StateStore } from "../state/store.ts"
import { claimsOf, type Claim } from "./claims.ts"
import type { Detected } from "./detect.ts"
import type { PreparedEffect } from "./prepare.ts"
import { effectLock } from "./record-names.ts"
import { claimDeployment } from "./superseded.ts"

export type RunSettings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  readonly redactor: Redactor
  readonly signal: AbortSignal
  /** Wait for locks; otherwise a lock that is held fails the effect. */
  readonly wait: boolean
  /** Deploy also when a newer commit was deployed already. */
  readonly allowOlder: boolean
  /** Where private folders are made. */
  readonly privateParent: string
  /** Where state goes that cannot be put. */
  readonly keptFolder: string
  /** Told what an effect, or the prebuild, is doing now; `undefined` when it is done. */
  readonly onProgress?: (who: string, what: string | undefined) => void
}

export type EffectReport = {
  readonly id: string
  readonly name: string
  readonly status: "succeeded" | "failed" | "superseded" | "skipped" | "not run"
  readonly because: string
  readonly ms: number
  readonly phases: readonly PhaseReport[]
  readonly state: readonly StateChange[]
  readonly error?: AlcidesError
}

type World = RunSettings & {
  readonly store: StateStore
  readonly detected: Detected
  /** The lease of the program around us. */
  readonly surrounding: string | undefined
}

/** Runs one effect under its locks, unless a newer commit was there before. Throws nothing: the report says it all. */
export async function runOne(prepared: PreparedEffect, world: World): Promise<EffectReport> {
  const { node } = prepared
  const began = performance.now()
  const report = (
    fields: Omit<EffectReport, "id" | "name" | "ms" | "phases" | "state"> & Partial<EffectReport>,
  ): EffectReport => ({
    id: node.id,
    name: node.effect.name,
    ms: Math.round(performance.now() - began),
    phases: [],
    state: [],
    ...fields,
  })
  const held: HeldLease[] = []
  try {
    if (prepared.grants.refused.length > 0) throw refusedError(prepared.grants.refused)
    await assertState(prepared, world.store)
    const leases = await acquireAll(prepared, { world, held })
    const own = leases.get(effectLock(node.id))
    if (own === undefined) throw new Error(`no lease of ${effectLock(node.id)}`)
    const { store, detected, allowOlder } = world
    await assertNothingKept(node.effect, { dir: world.keptFolder, project: formatProject(store.project) })
    const because = await claimDeployment({ store, detected, id: node.id, lease: own, allowOlder })
    if (because !== undefined) return report({ status: "superseded", because })

    const outcome = await runUnderLeases(prepared, { world, held, leases })
    const { error, phases, state } = outcome
    return error === undefined
      ? report({ status: "succeeded", because: "", phases, state })
      : report({ status: "failed", because: error.message, error, phases, state })
  } catch (error) {
    const known =
      error instanceof AlcidesError
        ? error
        : new AlcidesError({ code: "internal", message: messageOf(error), cause: error })
    return report({ status: "failed", because: known.message, error: known })
  } finally {
    world.onProgress?.(node.id, undefined)
    for (const lease of held.toReversed()) {
      await lease
        .release()
        .catch((error: unknown) =>
          world.log.warn(`${node.id}: a lock could not be released and ends by itself: ${messageOf(error)}`),
        )
    }
  }
}

// A state file that must exist is asked for before anything else happens.
async function assertState({ node: { effect } }: PreparedEffect, store: StateStore): Promise<void> {
  for (const use of effect.state) {
    if (use.onMissing !== "fail") continue
    const [newest] = (await store.history(use.name)) ?? []
    if (newest === undefined || newest.deleted === true) throw stateMissing(use, store)
  }
}

// Each lease is the parent of the next, so that a program which is told of the last one may take every lock beside the effect.
async function acquireAll(
  { node }: PreparedEffect,
  { world, held }: { readonly world: World; readonly held: HeldLease[] },
): Promise<ReadonlyMap<string, Lease>> {
  const { store, detected, log, signal, wait, onProgress, surrounding } = world
  const leases = new Map<string, Lease>()
  for (const { lock, exclusive } of claimsOf(node)) {
    const parent = held.at(-1)?.lease.id ?? surrounding
    const request = {
      lock,
      exclusive,
      description: `effect ${node.id}`,
      holder: detected.writer,
      ...(parent !== undefined && { parent }),
    }
    const lease = await holdLease(store, request, {
      wait,
      log,
      signal,
      onWaiting: ({ by: [first], ahead }) => {
        onProgress?.(node.id, "waiting for a lock")
        log.info(
          `${node.id}: waiting for the lock ${lock}: ${first === undefined ? `${ahead} asked before` : `held by ${describeLease(first)}`}`,
        )
      },
    })
    held.push(lease)
    leases.set(lock, lease.lease)
  }
  return leases
}

async function runUnderLeases(
  { node, src, grants }: PreparedEffect,
  {
    world,
    held,
    leases,
  }: { readonly world: World; readonly held: readonly HeldLease[]; readonly leases: ReadonlyMap<string, Lease> },
): ReturnType<typeof runEffect> {
  const { store, detected, env, log, redactor, signal, privateParent, keptFolder, onProgress } = world
  const { effect, id } = node
  const recipients = store.encryption?.recipients ?? []
  const innermost = held.at(-1)?.lease
  for (const value of passedCredentials({ runner: env, passEnv: effect.passEnv })) redactor.add(value)
  for (const secret of grants.granted.values()) maskSecretData(redactor, secret)
  return runEffect({
    effect,
    repo: detected.repo,
    src,
    store,
    leases: new Map(
      claimsOf(node).flatMap(({ lock, stateFile }: Claim): [string, Lease][] => {
        const lease = leases.get(lock)
        return stateFile === undefined || lease === undefined ? [] : [[stateFile, lease]]
      }),
    ),
    secrets: grants.granted,
    redactor,
    log: prefixed(log, `${id}> `),
    runner: env,
    env: {
      ALCIDES_STATE: store.url,
      ALCIDES_PROJECT: formatProject(store.project),
      ALCIDES_KEPT: keptFolder,
      ...(innermost !== undefined && leaseVariables(innermost, store)),
      ...(recipients.length > 0 && { ALCIDES_AGE_RECIPIENTS: recipients.join(" ") }),
    },
    writer: detected.writer,
    // A lock that is lost ends what runs under it at once.
    signal: AbortSignal.any([signal, ...held.map((lease) => lease.signal)]),
    privateParent,
    keptFolder,
    onPhase: (phase) => onProgress?.(id, phase),
  })
}

function prefixed(log: Log, prefix: string): Log {
  return {
    info: (line) => log.info(prefix + line),
    warn: (line) => log.warn(prefix + line),
    debug: (line) => log.debug(prefix + line),
  }
}
