import type { Effect } from "../effect/effect.ts"
import type { Build } from "../nix/build.ts"
import type { Repo } from "../repo.ts"
import { checkSettings, type PipelineSettings } from "./settings.ts"
import type { When } from "./when.ts"

export type { PipelineSettings } from "./settings.ts"

/** An effect that does not run here, but still proves that it could: its `prebuilt` is built and its inputs are checked. */
export type Dependencies = { readonly kind: "dependencies"; readonly of: Effect }

/** Something that is only built. */
export type Prebuilt = { readonly kind: "prebuilt"; readonly builds: readonly Build[] }

export type EffectTreeNode = Effect | Dependencies | Prebuilt | EffectTree
/** Effects by name, nested as deep as wanted. */
export interface EffectTree {
  readonly [name: string]: EffectTreeNode
}

export type PushJob = { readonly outputs: EffectTree }
export type ScheduleJob = {
  /** UTC. */
  readonly when: When
  readonly outputs: EffectTree
}

/** The jobs of a pipeline, as in Hercules CI's `herculesCI` attribute. */
export type Jobs = {
  readonly onPush?: Readonly<Record<string, PushJob>>
  readonly onSchedule?: Readonly<Record<string, ScheduleJob>>
}

export type PipelineContext = { readonly repo: Repo }
export type PipelineDefinition = EffectTree | Jobs

/** What a pipeline file exports. */
export type Pipeline = {
  readonly kind: "pipeline"
  readonly define: (context: PipelineContext) => PipelineDefinition | Promise<PipelineDefinition>
  readonly settings: PipelineSettings
}

/**
 * Makes a pipeline of a function of the repository context, or of a plain tree of effects.
 * A plain tree is the shorthand for `{ onPush: { default: { outputs: tree } } }`.
 */
export function pipeline(
  definition: PipelineDefinition | Pipeline["define"],
  settings: PipelineSettings = {},
): Pipeline {
  return {
    kind: "pipeline",
    define: typeof definition === "function" ? definition : () => definition,
    settings: checkSettings(settings),
  }
}
