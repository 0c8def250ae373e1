import type { Log } from "../log.ts"
import type { Build } from "../nix/build.ts"
import type { Repo } from "../repo.ts"
import type { Secret } from "../secrets/secret.ts"
import type { SecretData, SecretsMap } from "../secrets/secrets-map.ts"

export type { GitTokenReference, Json, SecretData, SecretsMap } from "../secrets/secrets-map.ts"

/** The names under which an effect sees its secrets. */
export type SecretName<M extends SecretsMap> = keyof M & string

export type StateFileUse = {
  readonly name: string
  /** "read" never puts the file back, and shares the file with other readers. Default: "write". */
  readonly access?: "read" | "write"
  /** "fail" makes a missing state file an error before anything runs. Default: "create". */
  readonly onMissing?: "create" | "fail"
  /** What it means that the file is missing, for the plan: "a new deployment will be created". */
  readonly missingMeans?: string
  /** An empty file is refused unless this is set: an export that failed is empty, too. */
  readonly mayBeEmpty?: boolean
}

/** A `StateFileUse` with its defaults filled in. */
export type ResolvedStateFileUse = {
  readonly name: string
  readonly access: "read" | "write"
  readonly onMissing: "create" | "fail"
  readonly missingMeans: string | undefined
  readonly mayBeEmpty: boolean
}

export type LockUse = { readonly name: string; readonly shared?: boolean }

/** One state file as it lies in the effect's private folder. */
export type StateFile = {
  readonly name: string
  /** Where the content was put by getState and is taken from by putState. Absolute, mode 0600. */
  readonly path: string
  /** The version that was fetched, or "absent". */
  readonly version: number | "absent"
}

export type RunOptions = {
  /** Added to the clean environment of this one program. */
  readonly env?: Readonly<Record<string, string>>
  /** Default: the effect's `src`, where a relative folder starts. */
  readonly cwd?: string
  /** Given to the program's standard input, which is otherwise empty. */
  readonly input?: string | Secret<string>
  /** Give the program this file as standard input. */
  readonly inputFile?: string
  /** Send standard output to this file (mode 0600) instead of the log. */
  readonly outputFile?: string
  /** "quiet" keeps standard output out of the log; it is returned all the same. Default: "show". */
  readonly output?: "show" | "quiet"
  /** Exit codes that are no failure. Default: `[0]`. */
  readonly success?: readonly number[]
}

export type RunResult = {
  readonly exitCode: number
  /** What the program printed to standard output, secrets not masked; empty with `outputFile`. At most 16 MiB is kept. */
  readonly stdout: string
}

/** What the phases of an effect work with. */
export interface EffectContext<Name extends string = string> {
  readonly repo: Repo
  readonly log: Log
  /** Aborted when the effect must end: a signal, its timeout, a lost lease. */
  readonly signal: AbortSignal
  /** A private HOME (mode 0700), removed on any exit. Programs get it as HOME. */
  readonly home: string
  /** Where programs run: the effect's `src`. */
  readonly src: string
  /** A private folder (mode 0700) whose content is kept when state could not be put: the place for what state is made from. */
  readonly stateDir: string
  /** Runs one program to its end. Throws `program-failed` when it fails, `program-not-found`, `program-aborted`. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** The granted secret. Throws `secret-not-granted` for a name that the secretsMap does not have. */
  secret(name: Name): Secret<SecretData>
  /** The state file of that name; it must be listed in the effect's `state`. */
  stateFile(name: string): StateFile
  /** Sets a variable for every program started from now on. */
  setEnv(name: string, value: string): void
}

/** One phase of an effect. What it returns is waited for, and otherwise ignored. */
export type Phase<Name extends string = string> = (context: EffectContext<Name>) => Promise<unknown> | void

/** A reusable step of the userSetup phase, with the secrets that it reads. */
export type SetupStep<Name extends string = string> = {
  readonly description: string
  /** The names, of the effect's secretsMap, that this step reads. */
  readonly secrets: readonly Name[]
  /** Programs that must be on PATH. */
  readonly inputs?: readonly string[]
  /** Reads the secrets as `run` will, and throws when they will not do: before any state is fetched. */
  check?(context: Pick<EffectContext<Name>, "secret">): unknown
  run(context: EffectContext<Name>): Promise<unknown> | void
}

export const phaseNames = ["init", "getState", "userSetup", "priorCheck", "effect", "putState", "effectCheck"] as const
export type PhaseName = (typeof phaseNames)[number]

/** Plain immutable data: what to build first, what it may read, what it changes, and how. Made by `mkEffect`. */
export type Effect = {
  readonly kind: "effect"
  readonly name: string
  readonly prebuilt: readonly Build[]
  /** Absolute; `undefined` means the repository's top folder. */
  readonly src: string | undefined
  readonly secretsMap: SecretsMap
  readonly state: readonly ResolvedStateFileUse[]
  readonly locks: readonly LockUse[]
  readonly after: readonly string[]
  /** Seconds for all phases up to and including `effect`; `undefined` means no limit of its own. */
  readonly timeout: number | undefined
  readonly env: Readonly<Record<string, string>>
  readonly passEnv: readonly string[]
  readonly inputs: readonly string[]
  /** It looks and changes nothing outside, so that a failure leaves everything as it was. */
  readonly readOnly: boolean
  /** What must hold before anything runs: throws a usage error when it does not. Reads only. */
  readonly validate: ((context: { readonly repo: Repo; readonly src: string }) => Promise<void> | void) | undefined
  readonly phases: {
    readonly init: Phase | undefined
    readonly getState: Phase | undefined
    readonly userSetup: readonly SetupStep[]
    readonly priorCheck: Phase | undefined
    readonly effect: Phase
    readonly putState: Phase | undefined
    readonly effectCheck: Phase | undefined
  }
}
