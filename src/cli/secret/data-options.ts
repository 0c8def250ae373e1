import type { CommandUnknownOpts } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { parseFieldPath } from "./field-path.ts"

const takes = {
  "--string": { operands: ["path", "text"], says: "a text, as it is typed; others can see it in the process list" },
  "--json": { operands: ["path", "json"], says: "a JSON value, as it is typed; others can see it in the process list" },
  "--string-file": { operands: ["path", "file"], says: "the text of a file, as it is" },
  "--json-file": { operands: ["path", "file"], says: "the JSON value in a file" },
  "--string-env": { operands: ["path", "variable"], says: "the text of an environment variable" },
  "--json-env": { operands: ["path", "variable"], says: "the JSON value of an environment variable" },
  "--password": {
    operands: ["path"],
    says: "a text that is asked for and not shown; one line of a piped standard input",
  },
} as const

export type DataOption = keyof typeof takes

/** One piece of a secret's data, as the command line names it. */
export type DataInput = {
  readonly option: DataOption
  /** Where in the data it goes; empty is all of it. */
  readonly path: readonly string[]
  /** The text, file or variable; "" with `--password`. */
  readonly operand: string
}

/**
 * Adds the options that give a secret's data, each repeatable; all but `--password` take two arguments, which commander does not know.
 * Returns what was given, in order, once the command line is parsed.
 */
export function addDataOptions(command: CommandUnknownOpts): () => readonly DataInput[] {
  for (const [option, { operands, says }] of Object.entries(takes)) {
    command.option(`${option} ${operands.map((operand) => `<${operand}>`).join(" ")}`, says)
  }
  const given: DataInput[] = []
  const parseOptions = command.parseOptions.bind(command)
  command.parseOptions = (args) => {
    const { inputs, rest } = takeDataOptions(args)
    given.push(...inputs)
    return parseOptions(rest)
  }
  return () => given
}

/** Takes the data options and their arguments out of a command line. Throws `option-incomplete` and `field-path-invalid`. */
export function takeDataOptions(args: readonly string[]): {
  readonly inputs: readonly DataInput[]
  readonly rest: string[]
} {
  const inputs: DataInput[] = []
  const rest: string[] = []
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ""
    if (arg === "--") return { inputs, rest: [...rest, ...args.slice(at)] }
    const [option, attached] = splitAttached(arg)
    if (!isDataOption(option)) {
      rest.push(arg)
      continue
    }
    const { operands } = takes[option]
    const values = [...(attached === undefined ? [] : [attached]), ...args.slice(at + 1)].slice(0, operands.length)
    if (values.length < operands.length) throw incomplete(option, values.length)
    at += operands.length - (attached === undefined ? 0 : 1)
    const [path = "", operand = ""] = values
    inputs.push({ option, path: parseFieldPath(path), operand })
  }
  return { inputs, rest }
}

// `--string=path text` is `--string path text`.
function splitAttached(arg: string): readonly [string, string | undefined] {
  const equals = arg.indexOf("=")
  return arg.startsWith("--") && equals > 0 ? [arg.slice(0, equals), arg.slice(equals + 1)] : [arg, undefined]
}

function isDataOption(text: string): text is DataOption {
  return Object.hasOwn(takes, text)
}

function incomplete(option: DataOption, given: number) {
  const names = takes[option].operands.map((operand) => operand.toUpperCase())
  const missing = names.slice(given)
  return usageError({
    code: "option-incomplete",
    message: `${option} takes ${names.join(" and ")}, and ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing`,
    hint: `write ${option} ${names.join(" ")}`,
  })
}
