import { join } from "node:path"
import * as z from "zod/mini"
import { mkEffect, type Effect, type EffectOptions, type Json, type SecretsMap } from "alcides"
import { changesTheWorld, deployArguments, type NixOpsAction } from "./nixops/action.ts"
import { checkDeployment, deploymentState, exportDeployment, openDeployment } from "./nixops/deployment.ts"
import { assertNetworkFiles } from "./nixops/network-files.ts"
import { assertOptions, commonOptions, deploymentName, networkArgs, networkFiles } from "./nixops/options.ts"
import { networkBuild } from "./nixops/prebuilt.ts"

/** Everything `runNixOps` takes. Only `name` and `src` are required. */
export type RunNixOpsOptions<M extends SecretsMap = SecretsMap> = Pick<
  EffectOptions<M>,
  "secretsMap" | "userSetup" | "lock" | "after" | "timeout" | "env" | "passEnv" | "inputs" | "init"
> & {
  /** The deployment's name; the effect is called `nixops-NAME`. */
  readonly name: string
  /** The folder of the network files, absolute: `import.meta.dirname`. */
  readonly src: string
  /** Relative to `src`. Default: `["network.nix"]`. */
  readonly networkFiles?: readonly string[]
  /** Arguments of the network files. */
  readonly networkArgs?: { readonly [name: string]: Json }
  /** Build the network before any effect runs. Default: true. */
  readonly prebuild?: boolean
  /** Network files that fill in, for the prebuild, what only a deployment can know. */
  readonly prebuildOnlyNetworkFiles?: readonly string[]
  /** Network files that are used for the deployment and not for the prebuild. */
  readonly deployOnlyNetworkFiles?: readonly string[]
  /** NixOps' own eval-machine-info.nix. Default: the one beside `nixops`. */
  readonly evalMachineInfo?: string
  /** Default: `nixops-NAME.json`. */
  readonly stateName?: string
  /** Default: `nixops-NAME.known_hosts`. */
  readonly knownHostsName?: string
  /** "fail" forbids to create a new deployment because there is no state file. Default: "create". */
  readonly onMissingState?: "create" | "fail"
  /** Where `<nixpkgs>` is found, such as `nixpkgs=/path`. Default: the runner's NIX_PATH. */
  readonly NIX_PATH?: string
  /** Default: "switch". dry-run, plan and build read the state and never put it back. */
  readonly action?: NixOpsAction
  /** Default: true. */
  readonly allowReboot?: boolean
  /** Create resources again that have disappeared. Default: true. */
  readonly allowRecreate?: boolean
  /** Instead of `nixops check` before the deployment; false for none. */
  readonly priorCheck?: EffectOptions<M>["priorCheck"] | false
  /** Instead of `nixops check` after the deployment; false for none. */
  readonly effectCheck?: EffectOptions<M>["effectCheck"] | false
}

/**
 * Deploys a network with NixOps 1, its state kept as two state files. Throws `effect-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/nix-functions/runnixops
 */
export function runNixOps<const M extends SecretsMap = Record<never, never>>(options: RunNixOpsOptions<M>): Effect {
  assertOptions(options, { effect: "runNixOps", schema: optionsSchema, docs: "docs/effects/run-nixops.md" })
  const {
    name,
    src,
    networkFiles = ["network.nix"],
    networkArgs = {},
    prebuild = true,
    prebuildOnlyNetworkFiles = [],
    deployOnlyNetworkFiles = [],
    evalMachineInfo,
    stateName = `nixops-${name}.json`,
    knownHostsName = `nixops-${name}.known_hosts`,
    onMissingState = "create",
    NIX_PATH,
    action = "switch",
    allowReboot = true,
    allowRecreate = true,
    priorCheck,
    effectCheck,
    ...others
  } = options
  const changes = changesTheWorld(action)
  const prebuilt = [...networkFiles, ...prebuildOnlyNetworkFiles]
  const deployed = [...networkFiles, ...deployOnlyNetworkFiles]
  const deployment = { name, stateName, knownHostsName, files: deployed.map((file) => join(src, file)), networkArgs }

  return mkEffect<M>({
    ...others,
    name: `nixops-${name}`,
    src,
    state: deploymentState({ stateName, knownHostsName, onMissingState, changes }),
    readOnly: !changes,
    inputs: ["nix", "nixops", ...(others.inputs ?? [])],
    env: { ...(NIX_PATH !== undefined && { NIX_PATH }), ...others.env },
    ...(prebuild && {
      prebuilt: networkBuild({
        name,
        networkFiles: prebuilt.map((file) => join(src, file)),
        networkArgs,
        nixPath: NIX_PATH,
        evalMachineInfo,
      }),
    }),
    validate: (context) => assertNetworkFiles([...new Set([...prebuilt, ...deployed])], context),
    getState: (context) => openDeployment(context, deployment),
    ...(priorCheck !== false && { priorCheck: priorCheck ?? checkDeployment }),
    async effect({ run }) {
      await run("nixops", ["--version"])
      await run("nixops", deployArguments({ action, allowReboot, allowRecreate }))
    },
    ...(changes && { putState: (context) => exportDeployment(context, deployment) }),
    ...(effectCheck !== false &&
      (changes || effectCheck !== undefined) && { effectCheck: effectCheck ?? checkDeployment }),
  })
}

const optionsSchema = z.strictObject({
  ...commonOptions,
  name: deploymentName,
  networkFiles: z.optional(networkFiles),
  networkArgs: z.optional(networkArgs),
  deployOnlyNetworkFiles: commonOptions.prebuildOnlyNetworkFiles,
  stateName: z.optional(z.string()),
  knownHostsName: z.optional(z.string()),
})
