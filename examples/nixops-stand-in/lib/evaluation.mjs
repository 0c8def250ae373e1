// Calls the real Nix on eval-machine-info.nix, with the arguments that NixOps gives it.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { jsonAttr } from "./state-file.mjs"

const expressions = fileURLToPath(new URL("../share/nix/nixops", import.meta.url))

const evaluationFailed = "evaluation of the deployment specification failed"

export function evaluateInfo(deployment) {
  const flags = ["--eval-only", "--json", "--strict", "--arg", "checkConfigurationOptions", "false", "-A", "info"]
  return JSON.parse(nix("nix-instantiate", [...flags, ...networkFlags(deployment, deployment.files)], evaluationFailed))
}

export function evaluateOption(deployment, machine, option) {
  const flags = ["--eval-only", "--strict", "--json", "--arg", "checkConfigurationOptions", "false"]
  const attribute = ["-A", `nodes.${machine}.config.${option}`]
  return nix(
    "nix-instantiate",
    [...flags, ...attribute, ...networkFlags(deployment, deployment.files)],
    evaluationFailed,
  ).trim()
}

/** Builds all machines with what is known of them by now, and returns the store path; a dry run returns nothing. */
export function buildMachines(deployment, { machines, dryRun }) {
  const dir = mkdtempSync(join(tmpdir(), "nixops-"))
  try {
    const physical = join(dir, "physical.nix")
    writeFileSync(physical, physicalNetwork(deployment.attrs.resources, machines))
    const flags = [
      "--no-out-link",
      "-A",
      "machines",
      "--arg",
      "names",
      nixList(machines.map((name) => JSON.stringify(name))),
    ]
    const network = networkFlags(deployment, [...deployment.files, physical])
    const failure = "unable to build all machine configurations"
    return nix("nix-build", [...flags, ...(dryRun ? ["--dry-run"] : []), ...network], failure).trim()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function networkFlags({ uuid, attrs, files, flakeUri, extraFlags }, networkFiles = files) {
  const args = Object.entries(jsonAttr(attrs, "args", {})).map(([name, value]) => `${JSON.stringify(name)} = ${value};`)
  const list = nixList(networkFiles.map((file) => JSON.stringify(file)))
  const names = ["--argstr", "uuid", uuid, "--argstr", "deploymentName", attrs.name ?? ""]
  const flake = flakeUri === undefined ? [] : ["--argstr", "flakeUri", flakeUri]
  const network = ["--arg", "networkExprs", list, "--arg", "args", `{ ${args.join(" ")} }`, ...names, ...flake]
  return [...network, ...extraFlags, "-I", `nixops=${expressions}`, join(expressions, "eval-machine-info.nix")]
}

// What only the provider knows: addresses.
function physicalNetwork(resources, machines) {
  const lines = machines.map((name) => {
    const { publicIpv4, privateIpv4 } = resources[name] ?? {}
    const addresses = [
      ...(publicIpv4 === undefined ? [] : [`networking.publicIPv4 = "${publicIpv4}";`]),
      ...(privateIpv4 === undefined ? [] : [`networking.privateIPv4 = "${privateIpv4}";`]),
    ]
    return `  ${JSON.stringify(name)} = { ${addresses.join(" ")} };`
  })
  return `{\n${lines.join("\n")}\n}\n`
}

const nixList = (items) => `[ ${items.map((item) => (item.startsWith('"/') ? `(/. + ${item})` : item)).join(" ")} ]`

function nix(program, args, failure) {
  const { status, stdout, error } = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
  if (error !== undefined) throw new Error(`unable to run ‘${program}’: ${error.message}`)
  if (status !== 0) throw new Error(failure)
  return stdout
}
