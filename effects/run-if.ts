import { noteDecision, usageError, type Dependencies, type Effect, type EffectTree, type Prebuilt } from "alcides"

/** What `runIf` makes: the effect to run, or what it depends on; and what it prebuilds, if anything. */
export type RunIf = EffectTree &
  (
    | { readonly run: Effect; readonly prebuilt?: Prebuilt }
    | { readonly dependencies: Dependencies; readonly prebuilt?: Prebuilt }
  )

/**
 * Runs the effect only when the condition holds; otherwise it still proves that it builds.
 * Throws `condition-invalid` when the condition is no boolean: "unknown" is not a reason to deploy.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/nix-functions/runif
 */
export function runIf(condition: boolean, effect: Effect): RunIf {
  if (typeof condition !== "boolean") {
    throw usageError({
      code: "condition-invalid",
      message: `runIf: the condition of ${effect.name} is ${JSON.stringify(condition) ?? "undefined"}, not true or false`,
      hint: 'compare: repo.isDefaultBranch === true, or repo.ref === "refs/heads/production"',
    })
  }
  const prebuilt: { readonly prebuilt?: Prebuilt } =
    effect.prebuilt.length === 0 ? {} : { prebuilt: { kind: "prebuilt", builds: effect.prebuilt } }
  const node: RunIf = condition
    ? { run: effect, ...prebuilt }
    : { dependencies: { kind: "dependencies", of: effect }, ...prebuilt }
  return noteDecision(node, { holds: condition, caller: runIf })
}
