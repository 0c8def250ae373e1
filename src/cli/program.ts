import { Command } from "@commander-js/extra-typings"
import { failureOf, formatFailure } from "./errors.ts"
import type { Io } from "./io.ts"
import { version } from "../version.ts"

type Entry = {
  readonly name: string
  readonly summary: string
  /** Loaded only when it is the one that was typed: start-up counts. */
  readonly load: () => Promise<(io: Io) => Command>
}

/** The one register of commands, in the order that `--help` shows. */
export const commands: readonly Entry[] = [
  { name: "plan", summary: "show what would build and what would run, and why not", load: async () => (await import("./plan.ts")).planCommand },
  { name: "run", summary: "prebuild everything; if all is green, run the effects whose condition holds", load: async () => (await import("./run.ts")).runCommand },
  { name: "effect", summary: "list the effects of the pipeline, or run one", load: async () => (await import("./effect.ts")).effectCommand },
  { name: "state", summary: "read and write state files and their versions", load: async () => (await import("./state.ts")).stateCommand },
  { name: "lock", summary: "hold, watch and break locks", load: async () => (await import("./lock.ts")).lockCommand },
  { name: "secret", summary: "keep the local secrets.json, and check it", load: async () => (await import("./secret.ts")).secretCommand },
  { name: "doctor", summary: "check that this machine has what the pipeline needs", load: async () => (await import("./doctor.ts")).doctorCommand },
  { name: "completion", summary: "print a completion script for your shell", load: async () => (await import("./completion.ts")).completionCommand },
]

/** The whole command tree. With `only`, the other commands are names and summaries. */
export async function createProgram(io: Io, only?: string): Promise<Command> {
  const program = new Command("alcides")
    .description("Deployment effects for any CI.")
    .version(version, "-V, --version", "print the version")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: () => {},
      getErrHasColors: () => false,
    })
  for (const { name, summary, load } of commands) {
    if (only === undefined || only === name) program.addCommand(configure((await load())(io), program).summary(summary))
    else program.command(name).summary(summary).allowUnknownOption()
  }
  return program as Command
}

// Sub-commands made elsewhere do not inherit the root's settings by themselves.
function configure(command: Command, root: Command): Command {
  command.copyInheritedSettings(root)
  for (const child of command.commands) configure(child as Command, root)
  return command
}

/** Runs one command line and returns the code to exit with. Throws nothing. */
export async function main(args: readonly string[], world: Omit<Io, "exit">): Promise<number> {
  let exitCode = 0
  const io: Io = { ...world, exit: (code) => void (exitCode = code) }
  try {
    const typed = args.find((arg) => !arg.startsWith("-"))
    const known = commands.some(({ name }) => name === typed)
    const program = await createProgram(io, known ? typed : "none")
    if (args.length === 0) {
      program.outputHelp()
      return 0
    }
    await program.parseAsync(args, { from: "user" })
    return exitCode
  } catch (error) {
    const failure = failureOf(error)
    if (failure.code === "usage" && isAnswer(error)) return 0
    const text = args.includes("--json") ? JSON.stringify({ error: failure }) : formatFailure(failure)
    io.stderr.write(`${text}\n`)
    return failure.exit
  }
}

// Commander leaves by throwing also after it printed the help or the version.
function isAnswer(error: unknown): boolean {
  return error instanceof Error && "exitCode" in error && error.exitCode === 0
}
