import { constants } from "node:os"
import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings"
import { failureOf, formatFailure } from "./errors.ts"
import type { Io, World } from "./io.ts"
import { addCommands, type Entry, type Typed } from "./register.ts"
import { Exit } from "../errors.ts"
import { createRedactor } from "../secrets/redactor.ts"
import { version } from "../version.ts"

/** The commands, in the order that `--help` shows. */
export const commands: readonly Entry[] = [
  {
    name: "plan",
    summary: "show what would build and what would run, and why not",
    load: async () => (await import("./plan.ts")).planCommand,
  },
  {
    name: "run",
    summary: "prebuild everything; if all is green, run the effects whose condition holds",
    load: async () => (await import("./run.ts")).runCommand,
  },
  {
    name: "effect",
    summary: "list the effects of the pipeline, or run one",
    load: async () => (await import("./effect.ts")).effectCommand,
  },
  {
    name: "state",
    summary: "read and write state files and their versions",
    load: async () => (await import("./state.ts")).stateCommand,
  },
  {
    name: "lock",
    summary: "hold, watch and break locks",
    load: async () => (await import("./lock.ts")).lockCommand,
  },
  {
    name: "serve",
    summary: "serve state and locks to programs that speak Hercules CI's API",
    load: async () => (await import("./serve.ts")).serveCommand,
  },
  {
    name: "secret",
    summary: "keep the local secrets.json, and check it",
    load: async () => (await import("./secret.ts")).secretCommand,
  },
  {
    name: "doctor",
    summary: "check that this machine has what the pipeline needs",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  {
    name: "completion",
    summary: "print a completion script for your shell",
    load: async () => {
      const { completionCommand } = await import("./completion.ts")
      return (io) => completionCommand(io, () => createProgram(io, "all"))
    },
  },
]

/** The command tree. */
export async function createProgram(io: Io, typed: Typed): Promise<CommandUnknownOpts> {
  const program = new Command("alcides")
    .description("Deployment effects for any CI.")
    .version(version, "-V, --version", "print the version")
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Commander hands over errors and the help of an incomplete command; the errors are told by `main`.
      writeErr: (text) => void io.stderr.write(text),
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  await addCommands(program, { entries: commands, io, typed })
  for (const command of program.commands) configure(command, program)
  return program.option(...plainOption)
}

const plainOption = ["--no-color", "plain text, as when NO_COLOR is set or the output is no terminal"] as const

// Sub-commands made elsewhere do not inherit the root's settings by themselves.
function configure(command: CommandUnknownOpts, parent: CommandUnknownOpts): CommandUnknownOpts {
  command
    .copyInheritedSettings(parent)
    .helpCommand(false)
    .option(...plainOption)
  for (const child of command.commands) configure(child, command)
  return command
}

/** Runs one command line and returns the code to exit with. Throws nothing. */
export async function main(typed: readonly string[], world: World): Promise<number> {
  let exitCode: number = Exit.done
  const args = typed[0] === "help" ? [...typed.slice(1), "--help"] : typed
  // What follows `--` belongs to another program.
  const flags = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  const io: Io = {
    cwd: world.cwd,
    signal: world.signal,
    // Node opens a standard stream when it is asked for, which takes milliseconds.
    get stdin() {
      return world.stdin
    },
    get stdout() {
      return world.stdout
    },
    get stderr() {
      return world.stderr
    },
    env: flags.includes("--no-color") ? { ...world.env, NO_COLOR: "1" } : world.env,
    redactor: createRedactor(),
    exit: (code) => void (exitCode = code),
  }
  let program: CommandUnknownOpts | undefined
  try {
    program = await createProgram(io, {
      words: args.filter((arg) => !arg.startsWith("-")),
      help: flags.some((flag) => flag === "--help" || flag === "-h"),
    })
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: "user" })
    return exitCode
  } catch (error) {
    // Commander leaves by throwing also after it printed the help or the version.
    if (error instanceof CommanderError && error.exitCode === 0) return Exit.done
    if (error instanceof CommanderError && error.code === "commander.help") return Exit.usage
    if (isBrokenPipe(error)) return 128 + constants.signals.SIGPIPE
    const failure = failureOf(error, program === undefined ? "alcides" : pathOf(program, args))
    const text =
      flags.includes("--json") && !takesJson(program, args)
        ? JSON.stringify({ error: failure })
        : formatFailure(failure)
    io.stderr.write(`${io.redactor.redact(text)}\n`)
    return failure.exit
  }
}

// The reader of our output went away, as `head` does: nobody is left to tell.
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE"
}

// To `secret add` and `secret echo`, `--json` is not how to answer but a part of the secret.
function takesJson(command: CommandUnknownOpts | undefined, args: readonly string[]): boolean {
  const child = command?.commands.find((candidate) => candidate.name() === args[0])
  if (child !== undefined) return takesJson(child, args.slice(1))
  return command?.options.some(({ long, required }) => long === "--json" && required) ?? false
}

// `alcides state get`, for the hint that names its help.
function pathOf(program: CommandUnknownOpts, args: readonly string[]): string {
  const child = program.commands.find((command) => command.name() === args[0])
  return child === undefined ? program.name() : `${program.name()} ${pathOf(child, args.slice(1))}`
}
