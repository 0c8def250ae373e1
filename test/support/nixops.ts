import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const standIn = fileURLToPath(new URL("../../examples/nixops-stand-in", import.meta.url))

/** The stand-in for NixOps, and the one for NixOps 2. */
export const nixopsPrograms = [join(standIn, "bin", "nixops"), join(standIn, "generation-2", "bin", "nixops")] as const
export const standInExpressions = join(standIn, "share", "nix", "nixops", "eval-machine-info.nix")

export type NetworkFolder = { readonly src: string; remove(): Promise<void> }

/** A folder with network files. */
export async function networkFolder(files: Readonly<Record<string, string>>): Promise<NetworkFolder> {
  const src = await realpath(await mkdtemp(join(tmpdir(), "alcides-network-")))
  for (const [name, text] of Object.entries(files)) await writeFile(join(src, name), text)
  return { src, remove: async () => rm(src, { recursive: true, force: true }) }
}

/** Two machines in the stand-in's cloud: `network.nix` for what they are, `network-cloud.nix` for where they are. */
export const twoMachines: Readonly<Record<string, string>> = {
  "network.nix": `{ greeting ? "hello" }:
{
  network.description = greeting;
  db = { };
  web = { config, nodes, ... }: {
    environment.etc."motd".text = "\${greeting}, served at \${config.networking.publicIPv4}";
    services.web.database = nodes.db.config.networking.hostName;
  };
}
`,
  "network-cloud.nix": `{
  db.deployment.targetEnv = "stand-in";
  web.deployment.targetEnv = "stand-in";
}
`,
  "network-stub.nix": `{
  web = { lib, ... }: { networking.publicIPv4 = lib.mkForce "192.0.2.1"; };
}
`,
}
