// `nixops deploy`, in NixOps' order: evaluate, create, build, copy, activate; each step is in the state file before the next begins.
import { basename } from "node:path"
import { buildMachines, evaluateInfo } from "./evaluation.mjs"
import { createMachine, machineExists } from "./provider.mjs"

const up = "3"

export function deploy(deployment, options, { save, log }) {
  const { attrs } = deployment
  const info = evaluateInfo(deployment)
  attrs.description = info.network.description ?? "Unnamed NixOps network"
  const definitions = definitionsOf(info)
  const selected = selection(Object.keys(definitions), options)
  for (const [name, { type }] of Object.entries(definitions)) {
    const { type: recorded } = (attrs.resources[name] ??= { type, index: String(freeIndex(attrs.resources)) })
    if (recorded !== type) {
      throw new Error(
        `the type of resource ‘${name}’ changed from ‘${recorded}’ to ‘${type}’, which is currently unsupported`,
      )
    }
  }
  for (const [name, resource] of Object.entries(attrs.resources)) {
    if (definitions[name] === undefined) resource.obsolete = "1"
    else delete resource.obsolete
  }
  save()

  if (options["plan-only"]) {
    for (const name of selected)
      log(`${name}> ${attrs.resources[name].vmId === undefined ? "will be created" : "is unchanged"}`)
    return
  }
  if (!options["dry-run"] && !options["build-only"]) create({ deployment, definitions, selected, options, save, log })
  if (options["create-only"]) return

  log("building all machine configurations...")
  const machines = selected.filter((name) => definitions[name].machine !== undefined)
  // As NixOps does it, also in a dry run: the recorded path is then one that nobody built.
  attrs.configsPath = buildMachines(deployment, { machines, dryRun: options["dry-run"] === true })
  save()
  if (options["dry-run"] || options["build-only"]) return

  for (const name of machines) log(`${name}> copying closure...`)
  if (options["copy-only"]) return
  activate({ attrs, definitions, machines, options, save, log })
  if (!options["dry-activate"]) log(`${attrs.name ?? "unnamed"}> deployment finished successfully`)
}

/** Names without those that --include and --exclude leave out. */
export function selection(names, { include, exclude = [] }) {
  return names.filter((name) => (include === undefined || include.includes(name)) && !exclude.includes(name)).toSorted()
}

function definitionsOf({ machines, resources }) {
  const others = Object.entries(resources).flatMap(([type, byName]) =>
    Object.keys(byName).map((name) => [name, { type }]),
  )
  const hosts = Object.entries(machines).map(([name, machine]) => [name, { type: machine.targetEnv, machine }])
  return Object.fromEntries([...others, ...hosts])
}

function freeIndex(resources) {
  return Math.max(-1, ...Object.values(resources).map(({ index }) => Number(index ?? -1))) + 1
}

// One machine that cannot be made keeps none of the others from being made; the errors come at the end.
function create({ deployment: { attrs }, definitions, selected, options, save, log }) {
  const errors = []
  for (const name of selected) {
    const { machine: definition } = definitions[name]
    const resource = attrs.resources[name]
    try {
      if (resource.vmId !== undefined && !machineExists(resource.vmId)) {
        if (!options["allow-recreate"])
          throw new Error(`machine ‘${name}’ has disappeared; use ‘--allow-recreate’ to create it again`)
        log(`${name}> has disappeared; creating it again`)
        delete resource.vmId
      }
      if (resource.vmId !== undefined) continue
      resource.creationTime ??= String(Math.floor(Date.now() / 1000))
      save()
      if (definition !== undefined) {
        log(`${name}> creating machine...`)
        Object.assign(resource, createMachine({ name, index: Number(resource.index), definition }))
      }
      resource.state = up
      save()
    } catch (error) {
      log(`${name}> error: ${error.message}`)
      errors.push(error)
    }
  }
  if (errors.length > 0)
    throw new Error(errors.length === 1 ? errors[0].message : `Multiple exceptions (${errors.length})`)
}

function activate({ attrs, definitions, machines, options, save, log }) {
  for (const name of machines) {
    if (options["dry-activate"]) {
      log(`${name}> would activate the configuration`)
      continue
    }
    const { needsReboot } = definitions[name].machine.standIn
    if (needsReboot && !options["allow-reboot"]) {
      throw new Error(
        `the new configuration requires a reboot of ‘${name}’ to take effect (hint: use ‘--allow-reboot’)`,
      )
    }
    log(
      `${name}> ${options.boot ? "configuration set for the next boot" : "activation finished successfully"}${needsReboot ? ", rebooting" : ""}`,
    )
    Object.assign(attrs.resources[name], {
      configsPath: attrs.configsPath,
      toplevel: `${basename(attrs.configsPath)}/${name}`,
    })
    save()
  }
}
