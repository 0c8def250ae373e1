import { Command } from "@commander-js/extra-typings"
import { assertStateName } from "../../state/names.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { messageOption, nameOption, noWaitOption, versionArgument } from "./options.ts"
import { tellWritten, writeVersion } from "./write.ts"

export const rollbackCommand = (io: Io) =>
  new Command("rollback")
    .description("Make the content of an old version the newest version. Nothing is erased.")
    .addOption(nameOption())
    .requiredOption("--to <version>", "the version whose content to bring back", versionArgument)
    .addOption(messageOption())
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the new version as an object on the standard output")
    .addHelpText("after", examples("alcides state rollback --name nixops-foo.json --to 3"))
    .action(async ({ name, to, message, wait, json, ...where }) => {
      assertStateName(name)
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const version = await writeVersion(io, { store, name, description: "alcides state rollback", wait }, (options) =>
        store.rollback(name, { to, ...options, ...(message !== undefined && { message }) }),
      )
      tellWritten(io, { name, version, json })
    })
