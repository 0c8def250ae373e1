// What NixOps 2 does otherwise: the network lies in a folder, and says itself where its state is kept.
import { existsSync, mkdtempSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { evaluateInfo } from "./evaluation.mjs"

export function findNetwork(dir) {
  if (!existsSync(dir)) throw new Error(`${dir} does not exist`)
  const [classic, flake] = [join(dir, "nixops.nix"), join(dir, "flake.nix")].map((path) => existsSync(path))
  if (classic && flake) throw new Error("Both flake.nix and nixops.nix cannot coexist")
  if (classic) return { files: [join(dir, "nixops.nix")], flakeUri: undefined }
  if (flake) return { files: [], flakeUri: dir }
  throw new Error(`Neither flake.nix nor nixops.nix exists in ${dir}`)
}

/** The database of `network.storage`: legacy and memory are the providers that the stand-in has. */
export function stateFileOf(network) {
  const dummy = { uuid: "dummy", attrs: { name: "dummy" }, extraFlags: [], ...network }
  const { storage = {} } = evaluateInfo(dummy).network
  const [provider] = Object.keys(storage)
  if (provider === undefined) throw new Error("Missing property: network.storage has no defined storage backend.")
  if (provider === "legacy")
    return { path: process.env.NIXOPS_STATE ?? join(homedir(), ".nixops", "deployments.nixops") }
  if (provider === "memory")
    return { path: join(mkdtempSync(join(tmpdir(), "nixops-")), "memory.nixops"), forget: true }
  throw new Error(`The network requires the '${provider}' state provider, but no plugin provides it.`)
}
