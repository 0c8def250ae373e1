import { Command } from "@commander-js/extra-typings"
import type { AlcidesError } from "../../errors.ts"
import { abortable } from "../../state/content.ts"
import { assertStateName } from "../../state/names.ts"
import type { StateVersion } from "../../state/store.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, recipientOption, storeOption } from "../store-options.ts"
import { currentWriter } from "../writer.ts"
import { baseArgument, currentBase } from "./base.ts"
import { openInput } from "./input.ts"
import { isCutShort, isStoreFailure, keepInput } from "./keep-input.ts"
import { fileArgument, messageOption, nameOption, noWaitOption } from "./options.ts"
import { tellWritten, writeVersion } from "./write.ts"

export const putCommand = (io: Io) =>
  new Command("put")
    .description("Write a new version of a state file, unless someone else wrote one meanwhile.")
    .addOption(nameOption())
    .requiredOption("--file <file>", "what to write; - is the standard input", fileArgument)
    .option(
      "--on-top-of <version>",
      "the version this must follow, or `absent` (default: the newest one now)",
      baseArgument,
    )
    .option("--allow-empty", "an empty input is meant, not a program that failed")
    .option("--in-clear", "do not encrypt it, though earlier versions are encrypted or recipients are configured")
    .addOption(messageOption())
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .addOption(recipientOption())
    .option("--json", "the new version as an object on the standard output")
    .addHelpText(
      "after",
      examples(
        "nixops export -d UUID | alcides state put --project github/neat-org/neat-repo --name nixops-foo.json --file -",
        "alcides state put --name nixops-foo.json --file foo.json --on-top-of 3 --message 'removed the old database'",
      ),
    )
    .action(async ({ name, file, onTopOf, allowEmpty, inClear, message, wait, json, ...where }) => {
      assertStateName(name)
      const store = await openProjectStore(io, where)
      // Git is asked while the store is.
      const writer = currentWriter(io, store.project)
      writer.catch(() => {})
      // Asked before anything is read: what someone else writes from here on is not in the input, and must not be buried.
      let unanswered: AlcidesError | undefined
      const base =
        onTopOf ??
        (await currentBase(store, name).catch((error: unknown) => {
          // Whoever writes the input may not be able to do it again: it is read, and kept, also when the store does not answer.
          if (!isStoreFailure(error)) throw error
          unanswered = error
          return undefined
        }))
      const input = await openInput(io, { file, allowEmpty: allowEmpty === true })
      let version: StateVersion
      try {
        if (base === undefined) throw unanswered
        const write = { store, name, description: "alcides state put", wait, writer }
        version = await writeVersion(io, write, (options) =>
          store.put(name, abortable(input.content(), io.signal), {
            base,
            inClear: inClear === true,
            ...options,
            ...(message !== undefined && { message }),
          }),
        )
      } catch (error) {
        if (!isCutShort(error)) throw error
        throw await keepInput(io, { store, name, input, base, writer, message, inClear: inClear === true, error })
      } finally {
        await input.close()
      }
      tellWritten(io, { name, version, json })
    })
