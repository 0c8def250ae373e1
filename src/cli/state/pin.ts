import { Command } from "@commander-js/extra-typings"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { storeOption } from "../store-options.ts"
import { currentWriter } from "../writer.ts"
import { nameOption, versionArgument } from "./options.ts"
import { openKnownState } from "./known-state.ts"

export const pinCommand = (io: Io) =>
  new Command("pin")
    .description("Mark a version as one that `state prune` must keep.")
    .addOption(nameOption())
    .requiredOption("--version <int>", "the version, see `alcides state history`", versionArgument)
    .option("--reason <text>", "kept beside your name, for the others")
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the version as an object on the standard output")
    .addHelpText("after", examples('alcides state pin --name nixops-foo.json --version 3 --reason "before the move"'))
    .action(async ({ name, version, reason, json, ...where }) => {
      const at = await openKnownState(io, { name, ...where, contents: "none" })
      const { by } = await currentWriter(io, at.project)
      const { pinState } = await import("../../state/history/pin.ts")
      const pinned = await pinState(at, { name, version, pin: { by, ...(reason !== undefined && { reason }) } })
      if (json === true) io.stdout.write(`${JSON.stringify({ name, ...pinned }, undefined, 2)}\n`)
      else io.stderr.write(`state ${name}: version ${version} is pinned\n`)
    })
