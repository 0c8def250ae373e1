import { Command } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { assertStateName } from "../../state/names.ts"
import type { Base, StateStore } from "../../state/store.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { openInput } from "./input.ts"
import { messageOption, nameOption, noWaitOption } from "./options.ts"
import { tellWritten, writeUnderLease } from "./write.ts"

export const putCommand = (io: Io) =>
  new Command("put")
    .description("Write a new version of a state file, unless someone else wrote one meanwhile.")
    .addOption(nameOption())
    .requiredOption("--file <file>", "what to write; - is the standard input")
    .option(
      "--on-top-of <version>",
      "the version this must follow, or `absent` (default: the newest one now)",
      baseArgument,
    )
    .option("--allow-empty", "an empty input is meant, not a program that failed")
    .addOption(messageOption())
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the new version as an object on the standard output")
    .addHelpText(
      "after",
      examples(
        "nixops export -d UUID | alcides state put --project github/neat-org/neat-repo --name nixops-foo.json --file -",
        "alcides state put --name nixops-foo.json --file foo.json --on-top-of 3 --message 'removed the old database'",
      ),
    )
    .action(async ({ name, file, onTopOf, allowEmpty, message, wait, json, ...where }) => {
      assertStateName(name)
      const store = await openProjectStore(io, where)
      // Asked before anything is read: what someone else writes from here on is not in the input, and must not be buried.
      const base = onTopOf ?? (await currentBase(store, name))
      const content = await openInput(io, { file, allowEmpty: allowEmpty === true })
      const version = await writeUnderLease(io, { store, name, description: "alcides state put", wait }, (options) =>
        store.put(name, content, { base, ...options, ...(message !== undefined && { message }) }),
      )
      tellWritten(io, { name, version, json })
    })

async function currentBase(store: StateStore, name: string): Promise<Base> {
  const [newest] = (await store.history(name)) ?? []
  return newest === undefined || newest.deleted === true ? "absent" : newest.version
}

function baseArgument(text: string): Base {
  if (text === "absent") return "absent"
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw usageError({
    code: "version-invalid",
    message: `--on-top-of: ${JSON.stringify(text)} is no version`,
    hint: "name the version that your change was made from, such as 3, or `absent` for a new state file",
  })
}
