// NixOps' command line: what each command takes, and a strict parser for it.

const common = {
  state: { short: "s", values: 1 },
  deployment: { short: "d", values: 1 },
  debug: {},
  confirm: {},
  "show-trace": {},
  "keep-going": {},
  "read-only-mode": {},
  I: { single: true, values: 1, repeated: true },
  "max-jobs": { short: "j", values: 1 },
  cores: { values: 1 },
  option: { values: 2, repeated: true },
}
const all = { all: {} }
const machines = { include: { values: "many" }, exclude: { values: "many" } }
const template = { template: { short: "t", values: 1, repeated: true } }
const name = { name: { short: "n", values: 1 } }

const deployFlags = {
  "kill-obsolete": { short: "k" },
  "dry-run": {},
  "dry-activate": {},
  test: {},
  boot: {},
  repair: {},
  "evaluate-only": {},
  "plan-only": {},
  "build-only": {},
  "create-only": {},
  "copy-only": {},
  "allow-recreate": {},
  "always-activate": {},
  check: {},
  "allow-reboot": {},
  "force-reboot": {},
  "max-concurrent-copy": { values: 1 },
  "max-concurrent-activate": { values: 1 },
  "no-sync": {},
}

const commands = {
  list: {},
  create: { options: { ...name, ...template }, positional: "network files" },
  modify: { options: { ...name, ...template }, positional: "network files" },
  clone: { options: name },
  delete: { options: { force: {}, ...all } },
  info: { options: { plain: {}, "no-eval": {}, ...all } },
  check: { options: { ...all, ...machines } },
  "set-args": {
    options: {
      arg: { values: 2, repeated: true },
      argstr: { values: 2, repeated: true },
      unset: { values: 1, repeated: true },
    },
  },
  deploy: { options: { ...deployFlags, ...machines } },
  destroy: { options: { ...all, ...machines, wipe: {} } },
  "show-option": { options: { json: {}, xml: {}, "include-physical": {} }, positional: "MACHINE OPTION" },
  export: { options: all },
  import: { options: { "include-keys": {} } },
}

export class UsageError extends Error {}

/** `{ command, options, positional }`; a repeated option gives a list, a flag gives true. NixOps 2 says where the network is with --network. */
export function parseArguments([command, ...args], { generation }) {
  if (command === undefined) throw new UsageError("the following arguments are required: operation")
  if (command === "--version") return { command: "version", options: {}, positional: [] }
  const known = commands[command]
  if (known === undefined) {
    throw new UsageError(
      `argument operation: invalid choice: '${command}' (choose from ${Object.keys(commands).join(", ")})`,
    )
  }
  const table = { ...common, ...known.options, ...(generation === 2 && { network: { values: 1 } }) }
  const options = {}
  const positional = []
  while (args.length > 0) {
    const arg = args.shift()
    if (!arg.startsWith("-") || arg === "-") {
      positional.push(arg)
      continue
    }
    const [flag, inline] = arg.startsWith("--") ? arg.split(/=(.*)/s) : [arg]
    const entry = Object.entries(table).find(([long, { short, single }]) =>
      single ? flag === `-${long}` : flag === `--${long}` || flag === `-${short}`,
    )
    if (entry === undefined) throw new UsageError(`unrecognized arguments: ${arg}`)
    if (inline !== undefined) args.unshift(inline)
    const [long, { values = 0, repeated }] = entry
    const taken = values === "many" ? takeMany(args) : args.splice(0, values)
    if (taken.length < (values === "many" ? 1 : values))
      throw new UsageError(`argument --${long}: expected ${values} argument(s)`)
    const value = values === 0 ? true : values === 1 ? taken[0] : taken
    options[long] = repeated ? [...(options[long] ?? []), value] : value
  }
  // NixOps 2 finds the network files itself.
  if (positional.length > 0 && (known.positional === undefined || (generation === 2 && command !== "show-option"))) {
    throw new UsageError(`unrecognized arguments: ${positional.join(" ")}`)
  }
  return { command, options, positional }
}

function takeMany(args) {
  const end = args.findIndex((arg) => arg.startsWith("-"))
  return args.splice(0, end === -1 ? args.length : end)
}
