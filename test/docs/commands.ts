import type { CommandUnknownOpts } from "@commander-js/extra-typings"
import { PassThrough, Readable } from "node:stream"
import { createProgram } from "../../src/cli/program.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import type { Block } from "./pages.ts"

/** The whole command tree, which does nothing when it is run. */
export async function commandTree(): Promise<CommandUnknownOpts> {
  const program = await createProgram(
    {
      env: {},
      cwd: process.cwd(),
      stdin: Readable.from([]),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      signal: new AbortController().signal,
      redactor: createRedactor(),
      exit: () => {},
    },
    "all",
  )
  for (const command of withChildren(program)) if (command.commands.length === 0) command.action(() => {})
  return program
}

/** A command and all commands below it. */
export function withChildren(command: CommandUnknownOpts): readonly CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(withChildren)]
}

/** `state get`, without the program's own name. */
export function pathOf(command: CommandUnknownOpts): string {
  return command.parent?.parent == null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

/** The long flags of one command that its help shows, without those that every command has. */
export function flagsOf(command: CommandUnknownOpts): readonly string[] {
  const everywhere = new Set(["--help", "--no-color", "--version"])
  return command.options.flatMap(({ long, hidden }) =>
    long == null || hidden || (everywhere.has(long) && !(long === "--version" && command.name() !== "alcides"))
      ? []
      : [long],
  )
}

export type CommandLine = { readonly at: string; readonly text: string; readonly args: readonly string[] }

/** Every `alcides …` that a block tells the reader to type. */
export function commandLines({ page, line, language, text }: Block): readonly CommandLine[] {
  const lines = joinContinued(text).flatMap(({ content, offset }) => {
    const typed =
      language === "console" ? /^\s*[$#>] (.*)$/.exec(content)?.[1] : language === "ts" ? undefined : content
    return typed === undefined ? [] : [{ at: `${page}:${line + offset}`, typed }]
  })
  return lines.flatMap(({ at, typed }) =>
    segments(typed).flatMap((words) => {
      const start = words.findIndex((word) => word === "alcides")
      const before = words.slice(0, Math.max(start, 0))
      const isCommand =
        start !== -1 && before.every((word) => /^(\w+=.*|npx|exec|-|\w+:|command|--yes|\$\(?)$/.test(word))
      return isCommand ? [{ at, text: words.slice(start).join(" "), args: words.slice(start + 1) }] : []
    }),
  )
}

// A line that ends in a backslash goes on.
function joinContinued(text: string): readonly { readonly content: string; readonly offset: number }[] {
  const joined: { content: string; offset: number }[] = []
  let goesOn = false
  text.split("\n").forEach((line, offset) => {
    const last = joined.at(-1)
    if (goesOn && last !== undefined) last.content = `${last.content.replace(/\\$/, "")} ${line.trim()}`
    else joined.push({ content: line, offset })
    goesOn = line.endsWith("\\")
  })
  return joined
}

/** The commands of one line of shell, as words: quotes are taken off, redirections and comments left out. */
export function segments(line: string): readonly (readonly string[])[] {
  const found: string[][] = [[]]
  for (const [token, single, double] of line.matchAll(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\|\||&&|[|;&]|\d?>>?\s*\S+|<\s*\S+|(?<=\s|^)#.*|(?:[^\s'"|;&<>]|\\.)+/g,
  )) {
    if (/^(\|\||&&|[|;&])$/.test(token)) found.push([])
    else if (/^\d?[<>]/.test(token) || token.startsWith("#")) continue
    else found.at(-1)?.push(single ?? double ?? token)
  }
  return found.filter((words) => words.length > 0)
}
