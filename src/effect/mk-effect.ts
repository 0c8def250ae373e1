import { usageError } from "../errors.ts"
import type { Build } from "../nix/build.ts"
import type { Repo } from "../repo.ts"
import type * as z from "../schema.ts"
import { assertStateName, assertLockName } from "../state/names.ts"
import { effectOptions, mistakeOf, type StateUse } from "./effect-options.ts"
import type {
  Effect,
  LockUse,
  Phase,
  ResolvedStateFileUse,
  SecretName,
  SecretsMap,
  SetupStep,
  StateFileUse,
} from "./effect.ts"

/** Everything `mkEffect` takes. Only `name` and `effect` are required. */
export type EffectOptions<M extends SecretsMap = SecretsMap> = {
  /** Unique in its pipeline. */
  readonly name: string
  /** What must build before any effect of the run starts, also when this one does not run. */
  readonly prebuilt?: Build | readonly Build[]
  /** The folder that programs run in, absolute. Default: the repository's top folder. */
  readonly src?: string
  readonly secretsMap?: M
  /** State files that are fetched before and put back after the effect. A name alone means `{ name }`. */
  readonly state?: string | StateFileUse | readonly (string | StateFileUse)[]
  /** Named locks of the project, held while the effect runs. */
  readonly lock?: string | LockUse | readonly (string | LockUse)[]
  /** Effects, by name or by place in the tree, that must have succeeded first. */
  readonly after?: string | readonly string[]
  /** Seconds: for all phases up to and including `effect`, and as many again for `effectCheck`. */
  readonly timeout?: number
  /** Variables for every program the effect starts. */
  readonly env?: Readonly<Record<string, string>>
  /** Variables of the runner that the effect's programs may see; everything else of the runner's stays out. */
  readonly passEnv?: readonly string[]
  /** Programs that must be on PATH; checked before anything runs. */
  readonly inputs?: readonly string[]
  /** It looks and changes nothing, so that a failure is exit 1, not 4. Its state files must be read only. Default: false. */
  readonly readOnly?: boolean
  readonly validate?: (context: { readonly repo: Repo; readonly src: string }) => Promise<void> | void
  readonly init?: Phase<SecretName<NoInfer<M>>>
  /** Runs once the state files lie in place. */
  readonly getState?: Phase<SecretName<NoInfer<M>>>
  readonly userSetup?: readonly SetupStep<SecretName<NoInfer<M>>>[]
  /** A failure here is a warning. */
  readonly priorCheck?: Phase<SecretName<NoInfer<M>>>
  readonly effect: Phase<SecretName<NoInfer<M>>>
  /** Brings the state files up to date before they are put back. Runs once, also after a failure, as soon as getState had succeeded. */
  readonly putState?: Phase<SecretName<NoInfer<M>>>
  /** Runs when the state is safe; a failure fails the run. */
  readonly effectCheck?: Phase<SecretName<NoInfer<M>>>
}

/**
 * Makes an effect. The names that `userSetup` steps and phases read must be names of `secretsMap`, or it does not compile.
 * Throws `effect-invalid`, `state-name-invalid` and `lock-name-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/nix-functions/mkeffect
 */
export function mkEffect<const M extends SecretsMap = Record<never, never>>(options: EffectOptions<M>): Effect {
  const parsed = effectOptions.safeParse(options)
  if (!parsed.success) throw invalid(options, parsed.error)
  const given = parsed.data
  const secretsMap: SecretsMap = given.secretsMap ?? {}
  const state = list(given.state).map(resolveStateUse)
  const locks = list(given.lock).map((use): LockUse =>
    typeof use === "string" ? { name: use } : { name: use.name, shared: use.shared ?? false },
  )
  for (const { name } of state) assertStateName(name)
  assertListedOnce(given.name, state)
  for (const { name } of locks) assertLockName(name)
  if (given.readOnly === true) assertChangesNothing(given.name, { state, putState: given.putState })
  const userSetup = given.userSetup ?? []
  for (const step of userSetup) assertStepSecrets({ effect: given.name, step, secretsMap })

  return Object.freeze<Effect>({
    kind: "effect",
    name: given.name,
    prebuilt: list(given.prebuilt),
    src: given.src,
    secretsMap,
    state,
    locks,
    after: list(given.after),
    timeout: given.timeout,
    env: given.env ?? {},
    passEnv: given.passEnv ?? [],
    inputs: [...new Set([...(given.inputs ?? []), ...userSetup.flatMap((step) => step.inputs ?? [])])],
    readOnly: given.readOnly ?? false,
    validate: given.validate,
    phases: {
      init: given.init,
      getState: given.getState,
      userSetup,
      priorCheck: given.priorCheck,
      effect: given.effect,
      putState: given.putState,
      effectCheck: given.effectCheck,
    },
  })
}

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return []
  return isList(value) ? value : [value]
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}

function resolveStateUse(use: StateUse): ResolvedStateFileUse {
  const given = typeof use === "string" ? { name: use } : use
  return {
    name: given.name,
    access: given.access ?? "write",
    onMissing: given.onMissing ?? "create",
    missingMeans: given.missingMeans,
    mayBeEmpty: given.mayBeEmpty ?? false,
  }
}

// Two would lie in one place, and be put back one on top of the other.
function assertListedOnce(effect: string, state: readonly ResolvedStateFileUse[]): void {
  const twice = state.find(({ name }, index) => state.findIndex((other) => other.name === name) < index)
  if (twice === undefined) return
  throw usageError({
    code: "effect-invalid",
    message: `effect ${effect}: the state file ${JSON.stringify(twice.name)} is listed twice`,
    hint: "give each state file a name of its own",
  })
}

function assertChangesNothing(
  effect: string,
  { state, putState }: { readonly state: readonly ResolvedStateFileUse[]; readonly putState: Phase | undefined },
): void {
  const written = state.find(({ access }) => access === "write")
  if (written === undefined && putState === undefined) return
  throw usageError({
    code: "effect-invalid",
    message: `effect ${effect} is readOnly, but ${written === undefined ? "has a putState phase" : `writes the state file ${JSON.stringify(written.name)}`}`,
    hint:
      written === undefined ? "remove putState, or readOnly" : 'give the state file access: "read", or remove readOnly',
  })
}

function assertStepSecrets({
  effect,
  step,
  secretsMap,
}: {
  readonly effect: string
  readonly step: SetupStep
  readonly secretsMap: SecretsMap
}): void {
  const unknown = step.secrets.find((name) => !Object.hasOwn(secretsMap, name))
  if (unknown === undefined) return
  const known = Object.keys(secretsMap)
  throw usageError({
    code: "effect-invalid",
    message: `effect ${effect}: ${step.description} reads the secret ${JSON.stringify(unknown)}, which its secretsMap does not have`,
    hint:
      known.length === 0
        ? `add secretsMap: { ${unknown}: "NAME-IN-SECRETS-JSON" }`
        : `the secretsMap has ${known.join(", ")}`,
  })
}

function invalid(options: unknown, error: z.core.$ZodError): Error {
  const named = typeof options === "object" && options !== null && "name" in options && typeof options.name === "string"
  return usageError({
    code: "effect-invalid",
    message: `${named ? `effect ${options.name}` : "an effect without a name"}: ${mistakeOf(error)}`,
    hint: "see docs/effects/mk-effect.md for the options",
  })
}
