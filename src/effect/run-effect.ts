import { messageOf, type AlcidesError } from "../errors.ts"
import { createContext, type ContextParts } from "./context.ts"
import { endOnAbort, withTimeout } from "./deadline.ts"
import type { Phase, PhaseName, StateFile } from "./effect.ts"
import type { EffectRun } from "./effect-run.ts"
import { formatProject } from "../state/names.ts"
import { secretDetector } from "../secrets/mask-data.ts"
import { cleanEnvironment } from "./environment.ts"
import { createPhaseClock, type PhaseReport } from "./phase-clock.ts"
import { bothFailed, phaseFailed } from "./phase-failure.ts"
import { createPrivateFolder, type PrivateFolder } from "./private-folder.ts"
import { putState } from "./put-state.ts"
import { writeSshWrappers } from "./ssh-home.ts"
import { fetchStateFiles, type FetchedFile, type StateChange } from "./state-exchange.ts"

export type { EffectRun } from "./effect-run.ts"
export type { PhaseReport } from "./phase-clock.ts"

export type EffectOutcome = {
  readonly phases: readonly PhaseReport[]
  readonly state: readonly StateChange[]
  /** `undefined` when it succeeded. */
  readonly error: AlcidesError | undefined
}

/**
 * Runs the phases of one effect, in their fixed order, in private folders that are removed on any exit.
 * Once getState has succeeded, putState runs whatever fails later, and once. Throws only when nothing has begun:
 * `private-folder-unsafe`, or the machine's own error; after that, the outcome says it all.
 */
export async function runEffect(run: EffectRun): Promise<EffectOutcome> {
  const folder = await createPrivateFolder({
    parent: run.privateParent,
    effect: run.effect.name,
    project: formatProject(run.store.project),
    keepIn: run.keptFolder,
  })
  try {
    return await runPhases(run, folder)
  } finally {
    await folder
      .remove()
      .catch((error: unknown) => run.log.warn(`could not remove ${folder.path}: ${messageOf(error)}`))
  }
}

async function runPhases(run: EffectRun, folder: PrivateFolder): Promise<EffectOutcome> {
  const { effect, store, leases, log } = run
  const { phases } = effect
  const files = new Map<string, StateFile>()
  const parts = await contextParts(run, { folder, files })
  const timed = () => withTimeout({ signal: run.signal, seconds: effect.timeout, name: effect.name })
  const deadline = timed()
  const clock = createPhaseClock(run.onPhase)
  const during = (name: PhaseName, work: Phase, signal = deadline.signal): Promise<void> =>
    clock.time(name, () => endOnAbort(signal, async () => work(createContext(parts, signal))))

  let phase: PhaseName = "userSetup"
  let fetched: readonly FetchedFile[] | undefined
  let changed = false
  let failure: AlcidesError | undefined
  try {
    for (const step of phases.userSetup) step.check?.(createContext(parts, deadline.signal))
    phase = "init"
    await during("init", (context) => phases.init?.(context))
    phase = "getState"
    await during("getState", async (context) => {
      const got = await fetchStateFiles(effect.state, { store, leases, folder: folder.state })
      for (const file of got) files.set(file.name, file)
      await phases.getState?.(context)
      fetched = got
    })
    phase = "userSetup"
    await during("userSetup", async (context) => {
      for (const step of phases.userSetup) await step.run(context)
    })
    phase = "priorCheck"
    await during("priorCheck", (context) => phases.priorCheck?.(context)).catch((error: unknown) => {
      deadline.signal.throwIfAborted()
      log.warn(`priorCheck failed, and the effect goes on: ${messageOf(error)}`)
    })
    phase = "effect"
    changed = !effect.readOnly
    if (writesState(run)) await folder.markStateOpen()
    await during("effect", phases.effect)
  } catch (error) {
    failure = phaseFailed({ effect, phase, error, changed })
  } finally {
    deadline.clear()
  }

  const put = fetched === undefined ? undefined : await putState({ run, folder, parts, clock, fetched, changed })
  if (put?.failure !== undefined) failure = failure === undefined ? put.failure : bothFailed(failure, put.failure)
  if (failure === undefined) {
    // It has a time of its own: what the effect took is not the check's fault.
    const checking = timed()
    try {
      await during("effectCheck", (context) => phases.effectCheck?.(context), checking.signal)
    } catch (error) {
      failure = phaseFailed({ effect, phase: "effectCheck", error, changed })
    } finally {
      checking.clear()
    }
  }
  return { phases: clock.reports, state: put?.changes ?? [], error: failure }
}

function writesState({ effect }: EffectRun): boolean {
  return effect.phases.putState !== undefined || effect.state.some(({ access }) => access === "write")
}

async function contextParts(
  { effect, repo, src, log, redactor, secrets, runner, env }: EffectRun,
  { folder, files }: { readonly folder: PrivateFolder; readonly files: ReadonlyMap<string, StateFile> },
): Promise<ContextParts> {
  const clean = cleanEnvironment({
    runner,
    passEnv: effect.passEnv,
    home: folder.home,
    tmp: folder.tmp,
    env: { ...env, ...effect.env },
  })
  const bin = await writeSshWrappers({ home: folder.home, path: clean["PATH"] ?? "" })
  return {
    effect,
    repo,
    src,
    log,
    redactor,
    holdsSecret: secretDetector(secrets.values()),
    folder,
    secrets,
    stateFiles: files,
    env: { ...clean, PATH: `${bin}:${clean["PATH"] ?? ""}` },
  }
}
