import { cp } from "node:fs/promises"
import { join } from "node:path"
import { AlcidesError, Exit, messageOf } from "../errors.ts"
import type { Log } from "../log.ts"
import type { Repo } from "../pipeline/repo.ts"
import type { Redactor } from "../secrets/redactor.ts"
import type { Secret } from "../secrets/secret.ts"
import type { Lease, StateStore, Writer } from "../state/store.ts"
import { createContext, type ContextParts } from "./context.ts"
import type { Effect, EffectContext, PhaseName, SecretData, StateFile } from "./effect.ts"
import { cleanEnvironment } from "./environment.ts"
import { endOnAbort, withTimeout } from "./deadline.ts"
import { createPrivateFolder, type PrivateFolder } from "./private-folder.ts"
import { writeSshWrappers } from "./ssh-home.ts"
import { fetchStateFiles, putStateFiles, type Exchange, type FetchedFile, type StateChange } from "./state-exchange.ts"

export type EffectRun = {
  readonly effect: Effect
  readonly repo: Repo
  readonly src: string
  readonly store: StateStore
  /** Leases of the state files, by state file. */
  readonly leases: ReadonlyMap<string, Lease>
  readonly secrets: ReadonlyMap<string, Secret<SecretData>>
  readonly redactor: Redactor
  readonly log: Log
  /** The environment that we were started with. */
  readonly runner: Readonly<Record<string, string | undefined>>
  /** Added to the environment of the effect's programs, such as where the store is. */
  readonly env: Readonly<Record<string, string>>
  readonly writer: Writer
  readonly signal: AbortSignal
  /** Where private folders are made. */
  readonly privateParent: string
  /** Where state goes that cannot be put. */
  readonly keptFolder: string
  /** Told when a phase begins. */
  readonly onPhase?: (phase: PhaseName) => void
}

export type PhaseReport = {
  readonly name: PhaseName
  readonly outcome: "done" | "warned" | "failed"
  readonly ms: number
}

export type EffectOutcome = {
  readonly phases: readonly PhaseReport[]
  readonly state: readonly StateChange[]
  /** `undefined` when it succeeded. */
  readonly error: AlcidesError | undefined
}

/**
 * Runs the phases of one effect, in their fixed order, in private folders that are removed on any exit.
 * Once getState has succeeded, putState runs whatever fails later, and once. Throws nothing: the outcome says it all.
 */
export async function runEffect(run: EffectRun): Promise<EffectOutcome> {
  const folder = await createPrivateFolder({ parent: run.privateParent, effect: run.effect.name })
  try {
    return await runPhases(run, folder)
  } finally {
    await folder.remove()
  }
}

async function runPhases(run: EffectRun, folder: PrivateFolder): Promise<EffectOutcome> {
  const { effect, store, leases, log } = run
  const { phases } = effect
  const files = new Map<string, StateFile>()
  const parts = await contextParts(run, { folder, files })
  const deadline = withTimeout({ signal: run.signal, seconds: effect.timeout, name: effect.name })
  const context = createContext(parts, deadline.signal)
  const reports: PhaseReport[] = []
  let fetched: readonly FetchedFile[] | undefined
  let changing = false
  let failure: AlcidesError | undefined

  const phase = async (name: PhaseName, work: () => Promise<unknown> | void): Promise<void> => {
    run.onPhase?.(name)
    const began = performance.now()
    const report = (outcome: PhaseReport["outcome"]): void => {
      reports.push({ name, outcome, ms: Math.round(performance.now() - began) })
    }
    try {
      await work()
      report("done")
    } catch (error) {
      report(name === "priorCheck" ? "warned" : "failed")
      throw error
    }
  }
  const within = (name: PhaseName, work: (context: EffectContext) => Promise<unknown> | void): Promise<void> =>
    phase(name, () => endOnAbort(deadline.signal, async () => work(context)))

  try {
    await within("init", (context) => phases.init?.(context))
    await within("getState", async (context) => {
      const got = await fetchStateFiles(effect.state, { store, leases, folder: folder.state })
      for (const file of got) files.set(file.name, file)
      await phases.getState?.(context)
      await folder.markStateOpen()
      fetched = got
    })
    await within("userSetup", async (context) => {
      for (const step of phases.userSetup) await step.run(context)
    })
    await priorCheck()
    changing = true
    await within("effect", phases.effect)
  } catch (error) {
    failure = phaseFailed({
      effect,
      phase: reports.at(-1)?.name,
      error,
      exit: changing ? Exit.notRolledBack : Exit.failed,
    })
  } finally {
    deadline.clear()
  }

  const put = fetched === undefined ? undefined : await putState(fetched)
  failure = put?.failure === undefined ? failure : withEarlier(put.failure, failure)
  if (failure === undefined) {
    try {
      await phase("effectCheck", () =>
        endOnAbort(run.signal, async () => phases.effectCheck?.(createContext(parts, run.signal))),
      )
    } catch (error) {
      failure = phaseFailed({ effect, phase: "effectCheck", error, exit: Exit.notRolledBack })
    }
  }
  return { phases: reports, state: put?.changes ?? [], error: failure }

  async function priorCheck(): Promise<void> {
    try {
      await within("priorCheck", (context) => phases.priorCheck?.(context))
    } catch (error) {
      deadline.signal.throwIfAborted()
      log.warn(`priorCheck failed, and the effect goes on: ${messageOf(error)}`)
    }
  }

  // Nothing ends this phase but the end of the process: what was changed must be written down.
  async function putState(
    got: readonly FetchedFile[],
  ): Promise<{ changes: readonly StateChange[]; failure: AlcidesError | undefined }> {
    const exchange: Exchange = {
      store,
      leases,
      writer: run.writer,
      message: `effect ${effect.name}`,
      keptFolder: run.keptFolder,
    }
    let changes: readonly StateChange[] = []
    let failure: AlcidesError | undefined
    try {
      await phase("putState", async () => {
        await phases.putState?.(createContext(parts, new AbortController().signal))
        const put = await putStateFiles(got, exchange)
        changes = put.changes
        if (put.failures[0] !== undefined) throw put.failures[0]
      })
    } catch (error) {
      const told = error instanceof AlcidesError && error.exit === Exit.stateAtRisk
      failure =
        told || !changing ? phaseFailed({ effect, phase: "putState", error, exit: Exit.failed }) : await keepAll(error)
    }
    await folder.markStateSafe()
    return { changes, failure }
  }

  // The state could not even be brought into its file: everything it is made from is kept.
  async function keepAll(error: unknown): Promise<AlcidesError> {
    const kept = join(run.keptFolder, `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-${effect.name}`)
    await cp(folder.state, kept, { recursive: true })
    return new AlcidesError({
      code: "state-not-put",
      message: `${effect.name}: putState failed (${messageOf(error)}); what the state is made from is kept in ${kept}`,
      hint: "look at it before the next run, which begins with the last version in the store",
      cause: error,
      exit: Exit.stateAtRisk,
    })
  }
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
    folder,
    secrets,
    stateFiles: files,
    env: { ...clean, PATH: `${bin}:${clean["PATH"] ?? ""}` },
  }
}

function phaseFailed({
  effect,
  phase,
  error,
  exit,
}: {
  readonly effect: Effect
  readonly phase: PhaseName | undefined
  readonly error: unknown
  readonly exit: AlcidesError["exit"]
}): AlcidesError {
  const known = error instanceof AlcidesError ? error : undefined
  return new AlcidesError({
    code: known?.code ?? "effect-failed",
    message: `${effect.name}: ${phase ?? "init"} failed: ${messageOf(error)}`,
    cause: error,
    exit: known?.exit === Exit.stateAtRisk ? Exit.stateAtRisk : exit,
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(known?.detail !== undefined && { detail: known.detail }),
  })
}

// State at risk is what must be told first; what went wrong before stays visible.
function withEarlier(error: AlcidesError, earlier: AlcidesError | undefined): AlcidesError {
  if (earlier === undefined) return error
  const { code, message, hint, exit } = error
  return new AlcidesError({
    code,
    message,
    exit: exit === Exit.stateAtRisk ? exit : earlier.exit,
    cause: error.cause,
    detail: `before that: ${earlier.message}${earlier.detail === undefined ? "" : `\n${earlier.detail}`}`,
    ...(hint !== undefined && { hint }),
  })
}
