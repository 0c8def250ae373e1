import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings"

/** What follows a flag, or stands as an argument. */
export type Value =
  | { readonly kind: "none" }
  | { readonly kind: "files" }
  | { readonly kind: "choices"; readonly choices: readonly string[] }
  | { readonly kind: "unknown" }

export type Flag = { readonly names: readonly string[]; readonly summary: string; readonly value: Value }

export type Node = {
  /** As typed: `alcides state get`. */
  readonly path: string
  readonly summary: string
  readonly flags: readonly Flag[]
  readonly children: readonly { readonly name: string; readonly summary: string }[]
  readonly argument: Value
}

/** Every command of the tree, parents first. */
export function nodesOf(command: CommandUnknownOpts, parent = ""): readonly Node[] {
  const path = `${parent} ${command.name()}`.trim()
  const help = command.createHelp()
  const children = help.visibleCommands(command)
  const [argument] = command.registeredArguments
  return [
    {
      path,
      summary: command.summary() === "" ? command.description() : command.summary(),
      flags: help.visibleOptions(command).map(flagOf),
      children: children.map((child) => ({
        name: child.name(),
        summary: child.summary() === "" ? child.description() : child.summary(),
      })),
      argument: argument === undefined ? { kind: "none" } : valueOf(argument.name(), argument.argChoices),
    },
    ...children.flatMap((child) => nodesOf(child, path)),
  ]
}

function flagOf(option: Option): Flag {
  const [, valueName] = /[<[](.+?)[\]>]/.exec(option.flags) ?? []
  return {
    names: [option.short, option.long].filter((name): name is string => typeof name === "string"),
    summary: option.description,
    value: valueName === undefined ? { kind: "none" } : valueOf(valueName, option.argChoices),
  }
}

function valueOf(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: "choices", choices }
  return /file|dir|folder/.test(name) ? { kind: "files" } : { kind: "unknown" }
}
