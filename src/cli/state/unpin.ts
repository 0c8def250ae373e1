import { Command } from "@commander-js/extra-typings"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { storeOption } from "../store-options.ts"
import { nameOption, versionArgument } from "./options.ts"
import { openKnownState } from "./known-state.ts"

export const unpinCommand = (io: Io) =>
  new Command("unpin")
    .description("Let `state prune` remove a version again.")
    .addOption(nameOption())
    .requiredOption("--version <int>", "the version, see `alcides state history`", versionArgument)
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the version as an object on the standard output")
    .addHelpText("after", examples("alcides state unpin --name nixops-foo.json --version 3"))
    .action(async ({ name, version, json, ...where }) => {
      const at = await openKnownState(io, { name, ...where, contents: "none" })
      const { pinState } = await import("../../state/history/pin.ts")
      const unpinned = await pinState(at, { name, version })
      if (json === true) io.stdout.write(`${JSON.stringify({ name, ...unpinned }, undefined, 2)}\n`)
      else io.stderr.write(`state ${name}: version ${version} is not pinned\n`)
    })
