import { Command } from "@commander-js/extra-typings"
import { openObjects, openSource } from "../../state/open.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { chosenStore, storeOption } from "../store-options.ts"
import { copyUrl, runCopy } from "./copy.ts"
import { noWaitOption } from "./options.ts"

export const pushCommand = (io: Io) =>
  new Command("push")
    .description(
      "Copy all versions of all state files of the project from another store into this one, and verify them.",
    )
    .requiredOption("--from <url>", "the store to copy from, or its folder")
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array with an object for each state file: name, copied versions, bytes, versions")
    .addHelpText(
      "after",
      examples("alcides state push --from backup", "alcides state push --from s3://bucket/prefix --store file:state"),
    )
    .action(async ({ from, wait, json, ...where }) => {
      const { url, project } = await chosenStore(io, { ...where, contents: "none" })
      await runCopy(io, {
        from: await openSource(existing(copyUrl(io, from)), project, { env: io.env }),
        to: await openObjects(url, { env: io.env }),
        project,
        description: "alcides state push",
        wait,
        isNested: true,
        json,
      })
    })

// A folder that is not there, or not mounted, is no empty store.
function existing(url: string): string {
  return url.startsWith("file:") && !url.includes("?") ? `${url}?create=never` : url
}
