import { Command } from "@commander-js/extra-typings"
import { openObjects, openSource } from "../../state/open.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { chosenStore, storeOption } from "../store-options.ts"
import { copyUrl, runCopy } from "./copy.ts"
import { noWaitOption } from "./options.ts"

export const pullCommand = (io: Io) =>
  new Command("pull")
    .description("Copy all versions of all state files of the project into another store, and verify them there.")
    .requiredOption("--to <url>", "a store, or a folder that is or becomes one")
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array with an object for each state file: name, copied versions, bytes, versions")
    .addHelpText("after", examples("alcides state pull --to backup", "alcides state list --store file:backup"))
    .action(async ({ to, wait, json, ...where }) => {
      const { url, project } = await chosenStore(io, { ...where, contents: "none" })
      await runCopy(io, {
        from: await openSource(url, project, { env: io.env }),
        to: await openObjects(copyUrl(io, to), { env: io.env }),
        project,
        description: "alcides state pull",
        wait,
        isNested: false,
        json,
      })
    })
