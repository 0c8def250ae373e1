import type { CommandUnknownOpts } from "@commander-js/extra-typings"
import type { Io } from "./io.ts"

/** One command in a register of commands. */
export type Entry = {
  readonly name: string
  readonly summary: string
  /** Loaded only when it is the one that was typed: start-up counts. */
  readonly load: () => Promise<MakeCommand>
}

/** Which commands are needed: all of them, or those that these words name, such as `state get`. */
export type Typed =
  | "all"
  | {
      readonly words: readonly string[]
      /** Help lists the others, too. */
      readonly help: boolean
    }

export type MakeCommand = (io: Io, typed: Typed) => CommandUnknownOpts | Promise<CommandUnknownOpts>

/**
 * Adds the commands of a register: whole what is needed. The others are names and summaries, for the help and for "did you mean";
 * when one was typed and no help was asked for, they are left out.
 */
export async function addCommands<C extends CommandUnknownOpts>(
  parent: C,
  { entries, io, typed }: { readonly entries: readonly Entry[]; readonly io: Io; readonly typed: Typed },
): Promise<C> {
  const [word, ...words] = typed === "all" ? [] : typed.words
  const others = typed === "all" || typed.help || !entries.some(({ name }) => name === word)
  for (const { name, summary, load } of entries) {
    if (typed === "all" || name === word) {
      const make = await load()
      const command = await make(io, typed === "all" ? typed : { ...typed, words })
      parent.addCommand(command.summary(summary))
    } else if (others) parent.command(name).summary(summary)
  }
  return parent
}
