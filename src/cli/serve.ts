import { Command } from "@commander-js/extra-typings"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { serveStateCommand } from "./serve/state.ts"
import { serveTokenCommand } from "./serve/token.ts"

/** `alcides serve`: what other programs on this machine reach over HTTP. */
export const serveCommand = (io: Io) =>
  new Command("serve")
    .description("Serve state and locks to programs that speak Hercules CI's API.")
    .addCommand(serveStateCommand(io))
    .addCommand(serveTokenCommand(io))
    .addHelpText(
      "after",
      examples(
        "alcides serve token --project github/neat-org/neat-repo",
        "alcides serve state --listen 127.0.0.1:8080 --tokens tokens.json",
      ),
    )
