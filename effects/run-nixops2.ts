import { join } from "node:path"
import * as z from "zod"
import { mkEffect, usageError, type Effect, type EffectOptions, type Json, type SecretsMap } from "alcides"
import { changesTheWorld, deployArguments, type NixOpsAction } from "./nixops/action.ts"
import { checkDeployment, deploymentState, exportDeployment, openDeployment } from "./nixops/deployment.ts"
import { assertNetworkFiles } from "./nixops/network-files.ts"
import { assertOptions, commonOptions, deploymentName, networkArgs, networkFiles } from "./nixops/options.ts"
import { networkBuild } from "./nixops/prebuilt.ts"
import { storageCheck } from "./nixops/storage-check.ts"

const exception = "I know this can corrupt the state, until https://github.com/NixOS/nixops/issues/1499 is resolved."

/** Where the network is: a flake with `nixopsConfigurations.default`, or a folder with nixops.nix. */
type Source =
  | {
      /** The flake's folder, absolute. */
      readonly flake: string
      readonly networkFiles?: never
      readonly src?: never
    }
  | {
      readonly flake?: never
      /** Relative to `src`; NixOps 2 itself deploys nixops.nix. */
      readonly networkFiles: readonly string[]
      /** Absolute. */
      readonly src: string
    }

/** Where the state is: a state file of Alcides, nowhere, or the network's own remote storage. */
type Storage =
  | {
      /** Keep NixOps' state in this state file; the network says `network.storage.legacy = {}`. */
      readonly stateName: string
      readonly forgetState?: never
      /** Default: `nixops-NAME.known_hosts`. */
      readonly knownHostsName?: string
      readonly onMissingState?: "create" | "fail"
      readonly action?: NixOpsAction
      readonly makeAnException?: never
    }
  | {
      /** The deployment needs no state. */
      readonly forgetState: true
      readonly stateName?: never
      readonly knownHostsName?: never
      readonly onMissingState?: never
      readonly action?: NixOpsAction
      readonly makeAnException?: never
    }
  | ({
      readonly forgetState?: false
      readonly stateName?: never
      readonly knownHostsName?: never
      readonly onMissingState?: never
    } & (
      | { readonly action?: "switch"; readonly makeAnException?: never }
      | { readonly action: NixOpsAction; readonly makeAnException: typeof exception }
    ))

/** Everything `runNixOps2` takes. */
export type RunNixOps2Options<M extends SecretsMap = SecretsMap> = Pick<
  EffectOptions<M>,
  "secretsMap" | "userSetup" | "lock" | "after" | "timeout" | "env" | "passEnv" | "inputs" | "init"
> &
  Source &
  Storage & {
    /** The deployment's name; the effect is called `nixops-NAME`. Without it NixOps takes the only deployment there is. */
    readonly name?: string
    /** Build the network before any effect runs. Default: true. */
    readonly prebuild?: boolean
    /** Arguments of the network, for the prebuild. */
    readonly prebuildNetworkArgs?: { readonly [name: string]: Json }
    /** Network files that fill in, for the prebuild, what only a deployment can know. */
    readonly prebuildOnlyNetworkFiles?: readonly string[]
    /** The same as Nix expressions, such as `{ defaults.networking.publicIPv4 = "192.0.2.1"; }`. */
    readonly prebuildOnlyModules?: readonly string[]
    /** NixOps' own eval-machine-info.nix. Default: the one of `nixops`. */
    readonly evalMachineInfo?: string
    /** Where `<nixpkgs>` is found. Default: the runner's NIX_PATH. */
    readonly NIX_PATH?: string
    /** Default: true. */
    readonly allowReboot?: boolean
    /** Create resources again that have disappeared. Default: true. */
    readonly allowRecreate?: boolean
    /** More arguments of `nixops deploy`. */
    readonly extraDeployArgs?: readonly string[]
    /** Instead of `nixops check` before the deployment; false for none. */
    readonly priorCheck?: EffectOptions<M>["priorCheck"] | false
    /** Instead of `nixops check` after the deployment; false for none. */
    readonly effectCheck?: EffectOptions<M>["effectCheck"] | false
  }

/**
 * Deploys a network with NixOps 2. Throws `effect-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/nix-functions/runnixops2
 */
export function runNixOps2<const M extends SecretsMap = Record<never, never>>(options: RunNixOps2Options<M>): Effect {
  assertOptions(options, { effect: "runNixOps2", schema: optionsSchema, docs: "docs/effects/run-nixops2.md" })
  const {
    name,
    flake,
    networkFiles = [],
    src: folder,
    stateName,
    forgetState = false,
    makeAnException,
    knownHostsName = `nixops-${name ?? "default"}.known_hosts`,
    onMissingState = "create",
    prebuild = true,
    prebuildNetworkArgs = {},
    prebuildOnlyNetworkFiles = [],
    prebuildOnlyModules = [],
    evalMachineInfo,
    NIX_PATH,
    action = "switch",
    allowReboot = true,
    allowRecreate = true,
    extraDeployArgs = [],
    priorCheck,
    effectCheck,
    ...others
  } = options
  const src = assertSource({ flake, networkFiles: options.networkFiles, src: folder })
  assertOneStorage({ stateName, forgetState })
  assertActionIsSafe({ action, safe: stateName !== undefined || forgetState || makeAnException === exception })
  const changes = changesTheWorld(action)
  const label = name ?? "nixops"
  const files = [...networkFiles, ...prebuildOnlyNetworkFiles]
  const kept =
    stateName === undefined ? undefined : { name: label, stateName, knownHostsName, files: undefined, networkArgs: {} }

  return mkEffect<M>({
    ...others,
    name: name === undefined ? "nixops" : `nixops-${name}`,
    src,
    ...(kept !== undefined && { state: deploymentState({ ...kept, onMissingState, changes }) }),
    inputs: ["nix", "nixops", ...(others.inputs ?? [])],
    env: {
      ...(NIX_PATH !== undefined && { NIX_PATH }),
      ...(name !== undefined && kept === undefined && { NIXOPS_DEPLOYMENT: name }),
      ...others.env,
    },
    ...(prebuild && {
      prebuilt: networkBuild({
        name: label,
        networkFiles: files.map((file) => join(src, file)),
        networkExpressions: prebuildOnlyModules,
        ...(flake !== undefined && { flakeUri: flake }),
        networkArgs: prebuildNetworkArgs,
        nixPath: NIX_PATH,
        evalMachineInfo,
        check: storageCheck({ keptBy: stateName !== undefined ? "alcides" : forgetState ? "nobody" : "network" }),
      }),
    }),
    validate: (context) => assertNetworkFiles(files, context),
    ...(kept !== undefined && { getState: (context) => openDeployment(context, kept) }),
    ...(priorCheck !== false && { priorCheck: priorCheck ?? checkDeployment }),
    async effect({ run }) {
      await run("nixops", ["--version"])
      await run("nixops", [...deployArguments({ action, allowReboot, allowRecreate }), ...extraDeployArgs])
    },
    ...(kept !== undefined && changes && { putState: (context) => exportDeployment(context, kept) }),
    ...(effectCheck !== false &&
      (changes || effectCheck !== undefined) && { effectCheck: effectCheck ?? checkDeployment }),
  })
}

const optionsSchema = z.strictObject({
  ...commonOptions,
  name: z.optional(deploymentName),
  flake: z.optional(commonOptions.src),
  src: z.optional(commonOptions.src),
  networkFiles: z.optional(networkFiles),
  stateName: z.optional(z.string()),
  knownHostsName: z.optional(z.string()),
  forgetState: z.optional(z.boolean()),
  makeAnException: z.optional(z.literal(exception)),
  prebuildNetworkArgs: z.optional(networkArgs),
  prebuildOnlyModules: z.optional(z.array(z.string())),
  extraDeployArgs: z.optional(z.array(z.string())),
})

function assertSource({
  flake,
  networkFiles,
  src,
}: {
  readonly flake: string | undefined
  readonly networkFiles: readonly string[] | undefined
  readonly src: string | undefined
}): string {
  if (flake !== undefined && networkFiles === undefined && src === undefined) return flake
  if (flake === undefined && networkFiles !== undefined && src !== undefined) return src
  throw usageError({
    code: "effect-invalid",
    message: "runNixOps2: either flake, or networkFiles and src, must be set",
    hint: 'write flake: import.meta.dirname, or networkFiles: ["nixops.nix"], src: import.meta.dirname',
  })
}

function assertOneStorage({
  stateName,
  forgetState,
}: {
  readonly stateName: string | undefined
  readonly forgetState: boolean
}): void {
  if (stateName === undefined || !forgetState) return
  throw usageError({
    code: "effect-invalid",
    message: "runNixOps2: the state is either kept in stateName or forgotten",
    hint: "remove stateName or forgetState",
  })
}

function assertActionIsSafe({ action, safe }: { readonly action: NixOpsAction; readonly safe: boolean }): void {
  if (action === "switch" || safe) return
  throw usageError({
    code: "effect-invalid",
    message: `runNixOps2: action ${JSON.stringify(action)} can corrupt the state in the network's remote storage`,
    hint: "keep the state with stateName, or see makeAnException in docs/effects/run-nixops2.md",
  })
}
