import { readdir, readFile, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { toNixExpression, usageError, type Build, type BuildContext, type Json } from "alcides"

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

type NixOpsExpressions = { readonly evalMachineInfo: string; readonly plugins: readonly string[] }

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

/** Where the NixOps that was found keeps its Nix files. Throws `nixops-missing` and `nixops-expressions-missing`. */
export async function findExpressions(nixops: string | undefined): Promise<NixOpsExpressions> {
  if (nixops === undefined) {
    throw usageError({
      code: "nixops-missing",
      message: "nixops is not on PATH",
      hint: "install NixOps, or name its eval-machine-info.nix in the option evalMachineInfo",
    })
  }
  const home = dirname(dirname(nixops))
  const shared = join(home, "share", "nix", "nixops", "eval-machine-info.nix")
  if (await isFile(shared)) return { evalMachineInfo: shared, plugins: [] }
  const sites = [...(await sitePackages(home)), ...(await mentionedSitePackages(nixops))]
  for (const site of sites) {
    const evalMachineInfo = join(site, "nix", "eval-machine-info.nix")
    if (await isFile(evalMachineInfo)) return { evalMachineInfo, plugins: await pluginsIn(sites) }
  }
  throw usageError({
    code: "nixops-expressions-missing",
    message: `there is no eval-machine-info.nix beside ${nixops}`,
    hint: "name it in the option evalMachineInfo",
  })
}

// NixOps 2 is a Python package, and its plugins are packages beside it.
async function sitePackages(home: string): Promise<readonly string[]> {
  const lib = join(home, "lib")
  const pythons = (await list(lib)).filter((name) => name.startsWith("python"))
  return pythons.map((python) => join(lib, python, "site-packages"))
}

// The wrappers that Nixpkgs makes name the packages in the store that they use.
async function mentionedSitePackages(nixops: string): Promise<readonly string[]> {
  const scripts = [nixops, join(dirname(nixops), ".nixops-wrapped")]
  const texts = await Promise.all(scripts.map(async (script) => readFile(script, "latin1").catch(() => "")))
  return [...new Set(texts.flatMap((text) => text.match(/\/[^\s'":;]+\/lib\/python[\d.]+\/site-packages/g) ?? []))]
}

async function pluginsIn(sites: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>()
  for (const site of sites) {
    for (const name of await list(site)) {
      if (await isFile(join(site, name, "nix", "default.nix"))) found.add(join(site, name, "nix"))
    }
  }
  return [...found]
}

async function list(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(() => [])
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}
