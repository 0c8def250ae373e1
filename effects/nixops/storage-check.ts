import { toNixExpression } from "alcides"

/**
 * A Nix function `machineInfo: result: result` that fails when the network keeps its state where it would be lost:
 * NixOps 2 leaves that to the network.
 */
export function storageCheck({ keptBy }: { readonly keptBy: "alcides" | "network" | "nobody" }): string {
  const fail = (message: string): string => `throw ${toNixExpression(message)}`
  switch (keptBy) {
    case "nobody":
      return "_: result: result"
    case "alcides":
      return `machineInfo: result:
        if (machineInfo.info.network.storage or { }) ? legacy then result
        else ${fail("runNixOps2 keeps the state in stateName, so the network must say: network.storage.legacy = { };")}`
    case "network":
      return `machineInfo: result:
        let
          storage = machineInfo.info.network.storage or { };
          lock = machineInfo.info.network.lock or { };
        in
        if storage == { } || storage ? legacy || storage ? memory
        then ${fail("the network keeps no state that outlives this run: set network.storage to a remote one, or stateName or forgetState = true in runNixOps2")}
        else if lock == { } || lock ? noop
        then builtins.trace ${toNixExpression("warning: the network sets no remote network.lock, so that two deployments at once would lose state")} result
        else result`
  }
}
