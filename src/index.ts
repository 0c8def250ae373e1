export { AlcidesError, Exit, messageOf, usageError, type ErrorDetails, type ExitCode } from "./errors.ts"
export type { Log } from "./log.ts"
export { Secret } from "./secrets/secret.ts"
export {
  pipeline,
  type Dependencies,
  type EffectTree,
  type EffectTreeNode,
  type Jobs,
  type Pipeline,
  type PipelineContext,
  type PipelineDefinition,
  type PipelineSettings,
  type Prebuilt,
  type PushJob,
  type ScheduleJob,
} from "./pipeline/pipeline.ts"
export { noteDecision } from "./pipeline/decision.ts"
export type { Repo } from "./repo.ts"
export type { Weekday, When } from "./pipeline/when.ts"
export type { Build, BuildContext } from "./nix/build.ts"
export { toNixExpression, type NixValue } from "./nix/expression.ts"
export { mkEffect, type EffectOptions } from "./effect/mk-effect.ts"
export type {
  Effect,
  EffectContext,
  GitTokenReference,
  Json,
  LockUse,
  Phase,
  PhaseName,
  RunOptions,
  RunResult,
  SecretData,
  SecretName,
  SecretsMap,
  SetupStep,
  StateFile,
  StateFileUse,
} from "./effect/effect.ts"
