import * as z from "zod/mini"
import { usageError, type EffectOptions, type Json, type SecretsMap } from "alcides"
import type { NixOpsAction } from "./action.ts"
import { assertOptions, commonOptions, deploymentName, networkArgs, networkFiles } from "./options.ts"

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

/** Throws `effect-invalid` for what the types forbid, and returns the folder of the network. */
export function assertNixOps2Options(options: RunNixOps2Options): string {
  assertOptions(options, { effect: "runNixOps2", schema: optionsSchema, docs: "docs/effects/run-nixops2.md" })
  const { flake, networkFiles, src, stateName, forgetState = false, makeAnException, action = "switch" } = options
  const classic = networkFiles === undefined ? undefined : src
  const folder = flake ?? classic
  if (folder === undefined || (flake !== undefined && (src ?? networkFiles) !== undefined)) {
    throw invalid(
      "either flake, or networkFiles and src, must be set",
      'write flake: import.meta.dirname, or networkFiles: ["nixops.nix"], src: import.meta.dirname',
    )
  }
  if (stateName !== undefined && forgetState) {
    throw invalid("the state is either kept in stateName or forgotten", "remove stateName or forgetState")
  }
  if (action !== "switch" && stateName === undefined && !forgetState && makeAnException !== exception) {
    throw invalid(
      `action ${JSON.stringify(action)} can corrupt the state in the network's remote storage`,
      "keep the state with stateName, or see makeAnException in docs/effects/run-nixops2.md",
    )
  }
  return folder
}

function invalid(message: string, hint: string): Error {
  return usageError({ code: "effect-invalid", message: `runNixOps2: ${message}`, hint })
}
