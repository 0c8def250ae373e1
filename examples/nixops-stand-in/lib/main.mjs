import { randomUUID } from "node:crypto"
import { readFileSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { parseArguments, UsageError } from "./arguments.mjs"
import { deploy, selection } from "./deploy.mjs"
import { evaluateInfo, evaluateOption } from "./evaluation.mjs"
import { findNetwork, stateFileOf } from "./generation-2.mjs"
import { addKnownHost, destroyMachine, machineExists } from "./provider.mjs"
import { findDeployment, jsonAttr, newDeployment, openStateFile } from "./state-file.mjs"

const generation = process.env.NIXOPS_STAND_IN_GENERATION === "2" ? 2 : 1
const version = generation === 2 ? "NixOps 2.0.0-stand-in" : "NixOps 1.7-stand-in"

const log = (line) => process.stderr.write(`${line}\n`)
const print = (line) => process.stdout.write(`${line}\n`)

const handlers = {
  version: () => print(version),

  create({ file, options, positional }) {
    const uuid = randomUUID()
    const attrs = newDeployment()
    modify(attrs, { options, positional })
    rename(attrs, options.name ?? options.deployment)
    file.deployments[uuid] = attrs
    file.save()
    log(`created deployment ‘${uuid}’`)
    print(uuid)
  },

  modify({ file, open, options, positional }) {
    const { attrs } = open()
    modify(attrs, { options, positional })
    rename(attrs, options.name)
    file.save()
  },

  clone({ file, open, options }) {
    const uuid = randomUUID()
    const { attrs } = open()
    file.deployments[uuid] = { ...attrs, resources: {} }
    rename(file.deployments[uuid], options.name)
    file.save()
    print(uuid)
  },

  "set-args"({ file, open, options }) {
    const { attrs } = open()
    const args = jsonAttr(attrs, "args", {})
    for (const [name, value] of options.arg ?? []) args[name] = value
    for (const [name, value] of options.argstr ?? []) args[name] = nixString(value)
    for (const name of options.unset ?? []) delete args[name]
    attrs.args = JSON.stringify(args)
    file.save()
  },

  deploy({ file, open, options }) {
    deploy(open(), options, { save: file.save, log })
  },

  check({ file, each, options }) {
    let status = 0
    for (const { attrs } of each()) {
      for (const name of selection(Object.keys(attrs.resources), options)) {
        const resource = attrs.resources[name]
        const exists = resource.vmId === undefined ? resource.state === "3" : machineExists(resource.vmId)
        if (!exists) resource.state = "1"
        print(`${name}: ${exists ? "exists" : "does not exist"}`)
        status |= exists ? 0 : 1
      }
    }
    file.save()
    process.exitCode = status
  },

  info({ each, options }) {
    for (const deployment of each()) {
      const { uuid, attrs } = deployment
      if (!options["no-eval"]) evaluateInfo(deployment)
      if (!options.plain)
        print(
          `Network name: ${attrs.name ?? "(none)"}\nNetwork UUID: ${uuid}\nNix expressions: ${deployment.files.join(" ")}`,
        )
      for (const [name, { type, vmId = "", publicIpv4 = "" }] of Object.entries(attrs.resources))
        print([name, type, vmId, publicIpv4].join("\t"))
    }
  },

  list({ file }) {
    for (const [uuid, { name = "(none)", description = "", resources }] of Object.entries(file.deployments)) {
      print([uuid, name, description, Object.keys(resources).length].join("\t"))
    }
  },

  export({ each }) {
    const exported = Object.fromEntries(each().map(({ uuid, attrs }) => [uuid, attrs]))
    print(JSON.stringify(sorted(exported), null, 2))
  },

  import({ file, options }) {
    for (const [uuid, attrs] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
      if (file.deployments[uuid] !== undefined)
        throw new Error(`state file already contains a deployment with UUID ‘${uuid}’`)
      for (const { type } of Object.values(attrs.resources))
        if (type === undefined) throw new Error("imported resource lacks a type")
      file.deployments[uuid] = attrs
      file.save()
      log(`added deployment ‘${uuid}’`)
      if (!options["include-keys"]) continue
      for (const { publicIpv4, privateIpv4, "standIn.publicHostKey": key } of Object.values(attrs.resources)) {
        for (const address of key === undefined ? [] : [publicIpv4, privateIpv4])
          if (address !== undefined) addKnownHost(address, key)
      }
    }
  },

  destroy({ file, each, options }) {
    if (!options.confirm) throw new Error("destroying takes ‘--confirm’, since nobody can be asked")
    for (const { attrs } of each()) {
      for (const name of selection(Object.keys(attrs.resources), options)) {
        const { vmId } = attrs.resources[name]
        if (vmId !== undefined) destroyMachine(vmId)
        delete attrs.resources[name]
        file.save()
      }
    }
  },

  delete({ file, each, options }) {
    for (const { uuid, attrs } of each()) {
      if (!options.force && Object.keys(attrs.resources).length > 0) {
        throw new Error("cannot delete this deployment because it still has resources")
      }
      delete file.deployments[uuid]
      file.save()
    }
  },

  "show-option"({ open, positional: [machine, option] }) {
    if (option === undefined) throw new UsageError("the following arguments are required: MACHINE OPTION")
    print(evaluateOption(open(), machine, option))
  },
}

function modify(attrs, { options, positional }) {
  if (generation === 1) {
    if (positional.length === 0) throw new Error("you must specify the path to a Nix expression and/or use ‘-t’")
    attrs.nixExprs = JSON.stringify(positional.map((path) => resolve(path)))
  }
  attrs.nixPath = JSON.stringify(options.I ?? [])
}

function rename(attrs, name) {
  if (name === undefined) return
  if (!/^[a-zA-Z_-][a-zA-Z0-9_.-]*$/.test(name)) throw new Error(`invalid deployment name ‘${name}’`)
  attrs.name = name
}

const nixString = (text) => `"${text.replaceAll(/["\\$]/g, (character) => `\\${character}`)}"`

function sorted(value) {
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  )
}

function run(args) {
  const { command, options, positional } = parseArguments(args, { generation })
  if (command === "version") return handlers.version()
  const wanted = options.deployment ?? process.env.NIXOPS_DEPLOYMENT
  const network = generation === 2 ? findNetwork(resolve(options.network ?? ".")) : undefined
  const named = options.state ?? process.env.NIXOPS_STATE ?? join(homedir(), ".nixops", "deployments.nixops")
  const { path, forget = false } = network === undefined ? { path: named } : stateFileOf(network)
  const file = openStateFile(path)
  if (forget) {
    file.deployments[randomUUID()] = newDeployment()
    process.once("exit", () => rmSync(dirname(path), { recursive: true }))
  }
  const complete = ({ uuid, attrs }) => {
    const nixPath = [...jsonAttr(attrs, "nixPath", []), ...(options.I ?? [])].flatMap((entry) => ["-I", entry])
    const extraFlags = [...nixPath, ...(options["show-trace"] ? ["--show-trace"] : [])]
    return {
      uuid,
      attrs,
      files: network?.files ?? jsonAttr(attrs, "nixExprs", []),
      flakeUri: network?.flakeUri,
      extraFlags,
    }
  }
  const open = () => complete(findDeployment(file, wanted))
  const each = () =>
    options.all ? Object.entries(file.deployments).map(([uuid, attrs]) => complete({ uuid, attrs })) : [open()]
  return handlers[command]({ file, open, each, options: { ...options, deployment: wanted }, positional })
}

log(`nixops: a stand-in for NixOps ${generation}: it builds with Nix, and deploys to nowhere`)
try {
  run(process.argv.slice(2))
} catch (error) {
  log(error instanceof UsageError ? `nixops: error: ${error.message}` : `error: ${error.message}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
