import { Command } from "@commander-js/extra-typings"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { acquireCommand } from "./lock/acquire.ts"
import { breakCommand } from "./lock/break.ts"
import { listCommand } from "./lock/list.ts"
import { releaseCommand } from "./lock/release.ts"
import { runCommand } from "./lock/run.ts"
import { updateCommand } from "./lock/update.ts"

/** `alcides lock`: named locks of a project, held as leases that end by themselves. */
export const lockCommand = (io: Io) =>
  new Command("lock")
    .description("Hold, watch and break the locks of a project.")
    // So that what follows the command of `lock run` is that command's own.
    .enablePositionalOptions()
    .addCommand(acquireCommand(io))
    .addCommand(updateCommand(io))
    .addCommand(releaseCommand(io))
    .addCommand(runCommand(io))
    .addCommand(listCommand(io))
    .addCommand(breakCommand(io))
    .addHelpText("after", examples("alcides lock run --name production -- ./deploy.sh", "alcides lock list"))
