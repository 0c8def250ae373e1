import { isAbsolute } from "node:path"
import * as z from "zod"
import { usageError } from "../errors.ts"
import type { Build } from "../nix/build.ts"
import type { Repo } from "../pipeline/repo.ts"
import { assertStateName, assertLockName } from "../state/names.ts"
import type { Effect, LockUse, Phase, SecretName, SecretsMap, SetupStep, StateFileUse } from "./effect.ts"

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
  /** Seconds. */
  readonly timeout?: number
  /** Variables for every program the effect starts. */
  readonly env?: Readonly<Record<string, string>>
  /** Variables of the runner that the effect's programs may see; everything else of the runner's stays out. */
  readonly passEnv?: readonly string[]
  /** Programs that must be on PATH; checked before anything runs. */
  readonly inputs?: readonly string[]
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

