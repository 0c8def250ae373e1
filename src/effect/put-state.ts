import { AlcidesError, Exit, messageOf } from "../errors.ts"
import { keptFolderOf } from "../state/kept.ts"
import { formatProject } from "../state/names.ts"
import { createContext, type ContextParts } from "./context.ts"
import type { EffectRun } from "./effect-run.ts"
import { keepFolder } from "./kept-folder.ts"
import type { PhaseClock } from "./phase-clock.ts"
import { phaseFailed } from "./phase-failure.ts"
import type { PrivateFolder } from "./private-folder.ts"
import { putStateFiles, type FetchedFile, type StateChange } from "./state-exchange.ts"

export type PutState = {
  readonly run: EffectRun
  readonly folder: PrivateFolder
  readonly parts: ContextParts
  readonly clock: PhaseClock
  readonly fetched: readonly FetchedFile[]
  /** Whether the effect may have changed something outside. */
  readonly changed: boolean
}

export type PutStateOutcome = { readonly changes: readonly StateChange[]; readonly failure: AlcidesError | undefined }

/**
 * The putState phase. Nothing ends it but the end of the process: what was changed must be written down.
 * What cannot be put is kept; what cannot even be kept stays in the private folder.
 */
export async function putState({ run, folder, parts, clock, fetched, changed }: PutState): Promise<PutStateOutcome> {
  const { effect, store, leases, writer, keptFolder } = run
  let changes: readonly StateChange[] = []
  try {
    await clock.time("putState", async () => {
      await effect.phases.putState?.(createContext(parts, new AbortController().signal))
      const put = await putStateFiles(fetched, { store, leases, writer, message: `effect ${effect.name}`, keptFolder })
      changes = put.changes
      const [worst] = [...put.failures].sort((a, b) => Number(isNotKept(b)) - Number(isNotKept(a)))
      if (worst !== undefined) throw worst
    })
    await folder.markStateSafe()
    return { changes, failure: undefined }
  } catch (error) {
    const failed = phaseFailed({ effect, phase: "putState", error, changed })
    if (isNotKept(error)) return { changes, failure: failed }
    const told = failed.exit === Exit.stateAtRisk || !changed
    const failure = told ? failed : await keepAll({ error, run, folder })
    if (!isNotKept(failure)) await folder.markStateSafe()
    return { changes, failure }
  }
}

// The state could not even be brought into its file: everything it is made from is kept.
async function keepAll({
  error,
  run: { effect, keptFolder, store },
  folder,
}: Pick<PutState, "run" | "folder"> & { readonly error: unknown }): Promise<AlcidesError> {
  try {
    const kept = await keepFolder({
      source: folder.state,
      effect: effect.name,
      dir: keptFolderOf({ dir: keptFolder, project: formatProject(store.project) }),
      encryption: store.encryption,
    })
    return new AlcidesError({
      code: "state-not-put",
      message: `${effect.name}: putState failed (${messageOf(error)}); what the state is made from is kept in ${kept}`,
      hint: "put what is in it, then remove the folder; until then this effect does not run again on this machine",
      cause: error,
      exit: Exit.stateAtRisk,
      ...(error instanceof AlcidesError && error.detail !== undefined && { detail: error.detail }),
    })
  } catch (notKept) {
    return phaseFailed({ effect, phase: "putState", error: notKept, changed: true })
  }
}

function isNotKept(error: unknown): boolean {
  return error instanceof AlcidesError && error.code === "state-not-kept"
}
