import { Command } from "@commander-js/extra-typings"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { addCommand } from "./secret/add.ts"
import { checkCommand } from "./secret/check.ts"
import { echoCommand } from "./secret/echo.ts"
import { initLocalCommand } from "./secret/init-local.ts"
import { listCommand } from "./secret/list.ts"

/** `alcides secret`: the secrets.json of this machine. */
export const secretCommand = (io: Io) =>
  new Command("secret")
    .description("Keep the local secrets.json, in Hercules CI's format, and check it. Nothing leaves this machine.")
    .addCommand(initLocalCommand(io))
    .addCommand(addCommand(io))
    .addCommand(echoCommand(io))
    .addCommand(listCommand(io))
    .addCommand(checkCommand(io))
    .addHelpText("after", examples("alcides secret init-local", "alcides secret add netlify --password token"))
