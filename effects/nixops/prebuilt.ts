import { dirname } from "node:path"
import { toNixExpression, type Build, type BuildContext, type Json } from "alcides"
import { findExpressions, type NixOpsExpressions } from "./nixops-expressions.ts"

export type NetworkBuildOptions = {
  /** The deployment's name. */
  readonly name: string
  /** Absolute. */
  readonly networkFiles: readonly string[]
  /** More networks, as Nix expressions. */
  readonly networkExpressions?: readonly string[]
  readonly flakeUri?: string
  readonly networkArgs: { readonly [name: string]: Json }
  readonly nixPath: string | undefined
  /** NixOps' own eval-machine-info.nix; looked for beside `nixops` when not given. */
  readonly evalMachineInfo: string | undefined
  /** Looks at the network before it is built: Nix's `machineInfo -> result -> result`. */
  readonly check?: string
}

// A machine that was never installed knows neither its disks nor its boot loader.
const stubNetwork = `{
  defaults = { lib, ... }: {
    boot.loader.grub.enable = lib.mkForce false;
    fileSystems."/" = {
      device = lib.mkDefault "/dev/disk/by-label/not-known-before-the-deployment";
      fsType = lib.mkDefault "ext4";
    };
  };
}
`

/** All machines of a network, as NixOps would build them were nothing deployed yet. */
export function networkBuild(options: NetworkBuildOptions): Build {
  const { name, networkFiles, nixPath } = options
  const locate = async ({ findProgram }: BuildContext): Promise<NixOpsExpressions> =>
    options.evalMachineInfo === undefined
      ? findExpressions(await findProgram("nixops"))
      : { evalMachineInfo: options.evalMachineInfo, plugins: [] }
  return {
    type: "expression",
    label: `network ${name}`,
    files: networkFiles,
    expression: async (context) => networkExpression(options, await locate(context)),
    nixPath: async (context) => {
      const { evalMachineInfo } = await locate(context)
      return [`nixops=${dirname(evalMachineInfo)}`, nixPath ?? context.env["NIX_PATH"]].filter(Boolean).join(":")
    },
  }
}

function networkExpression(
  { name, networkFiles, networkExpressions = [], flakeUri, networkArgs, check }: NetworkBuildOptions,
  { evalMachineInfo, plugins }: NixOpsExpressions,
): string {
  // NixOps takes files only.
  const asFile = (network: string): string => `(builtins.toFile "network.nix" ${toNixExpression(network)})`
  const networks = [
    asFile(stubNetwork),
    ...networkFiles.map((file) => toNixExpression(file)),
    ...networkExpressions.map(asFile),
  ]
  // NixOps' versions differ in the arguments that they take.
  return `
    let
      evaluate = import ${toNixExpression(evalMachineInfo)};
      machineInfo = evaluate (builtins.intersectAttrs (builtins.functionArgs evaluate) {
        system = builtins.currentSystem;
        networkExprs = [ ${networks.join(" ")} ];
        flakeUri = ${toNixExpression(flakeUri ?? null)};
        uuid = "00000000-0000-0000-0000-000000000000";
        deploymentName = ${toNixExpression(name)};
        args = ${toNixExpression(networkArgs)};
        pluginNixExprs = ${toNixExpression(plugins)};
        checkConfigurationOptions = true;
      });
      check = ${check ?? "_: result: result"};
    in
    check machineInfo (machineInfo.machines { names = builtins.attrNames machineInfo.nodes; })
  `
}
