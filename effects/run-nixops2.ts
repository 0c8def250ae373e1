import { join } from "node:path"
import { mkEffect, type Effect, type SecretsMap } from "alcides"
import { changesTheWorld, deployArguments } from "./nixops/action.ts"
import { checkDeployment, deploymentState, exportDeployment, openDeployment } from "./nixops/deployment.ts"
import { assertNetworkFiles } from "./nixops/network-files.ts"
import { assertNixOps2Options, type RunNixOps2Options } from "./nixops/nixops2-options.ts"
import { networkBuild } from "./nixops/prebuilt.ts"
import { storageCheck } from "./nixops/storage-check.ts"

export type { RunNixOps2Options } from "./nixops/nixops2-options.ts"

/**
 * Deploys a network with NixOps 2. Throws `effect-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/nix-functions/runnixops2
 */
export function runNixOps2<const M extends SecretsMap = Record<never, never>>(options: RunNixOps2Options<M>): Effect {
  const src = assertNixOps2Options(options)
  const {
    name,
    flake,
    networkFiles = [],
    src: _src,
    stateName,
    forgetState = false,
    makeAnException: _makeAnException,
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
    readOnly: !changes,
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
