import { Command } from "@commander-js/extra-typings"
import type { Io } from "./io.ts"
import { deleteCommand } from "./state/delete.ts"
import { getCommand } from "./state/get.ts"
import { historyCommand } from "./state/history.ts"
import { listCommand } from "./state/list.ts"
import { pinCommand } from "./state/pin.ts"
import { pruneCommand } from "./state/prune.ts"
import { putCommand } from "./state/put.ts"
import { recoverCommand } from "./state/recover.ts"
import { rollbackCommand } from "./state/rollback.ts"
import { unpinCommand } from "./state/unpin.ts"
import { examples } from "./help.ts"

/** `alcides state`: the state files of a project and their versions. */
export const stateCommand = (io: Io) =>
  new Command("state")
    .description("Read and write the state files of a project. Every write is a new version; nothing is erased.")
    .addCommand(getCommand(io))
    .addCommand(putCommand(io))
    .addCommand(listCommand(io))
    .addCommand(historyCommand(io))
    .addCommand(rollbackCommand(io))
    .addCommand(deleteCommand(io))
    .addCommand(recoverCommand(io))
    .addCommand(pinCommand(io))
    .addCommand(unpinCommand(io))
    .addCommand(pruneCommand(io))
    .addHelpText("after", examples("alcides state list", "alcides state get --name nixops-foo.json --file -"))
