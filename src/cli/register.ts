import type { CommandUnknownOpts } from "@commander-js/extra-typings"
import type { Io } from "./io.ts"

/** One command in a register of commands. */
export type Entry = {
  readonly name: string
  readonly summary: string
  /** Loaded only when it is the one that was typed: start-up counts. */
  readonly load: () => Promise<MakeCommand>
}

/** Which commands to load whole: all of them, or those that these words name, such as `state get`. */
export type Typed = "all" | readonly string[]

export type MakeCommand = (io: Io, typed: Typed) => CommandUnknownOpts | Promise<CommandUnknownOpts>

/** Adds the commands of a register, in its order. Those that were not typed are names and summaries. */
export async function addCommands<C extends CommandUnknownOpts>(
  parent: C,
  { entries, io, typed }: { readonly entries: readonly Entry[]; readonly io: Io; readonly typed: Typed },
): Promise<C> {
  for (const { name, summary, load } of entries) {
    if (typed !== "all" && typed[0] !== name) {
      parent.command(name).summary(summary)
      continue
    }
    const make = await load()
    const command = await make(io, typed === "all" ? typed : typed.slice(1))
    parent.addCommand(command.summary(summary))
  }
  return parent
}
