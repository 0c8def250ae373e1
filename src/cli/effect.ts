import { Command } from "@commander-js/extra-typings"
import { prepare } from "../pipeline/prepare.ts"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { pipelineCommand, prepareOptions } from "./pipeline-options.ts"
import { runPipelineCommand } from "./run.ts"

export const effectCommand = (io: Io) =>
  new Command("effect")
    .description("List the effects of the pipeline, or run one.")
    .addCommand(listCommand(io))
    .addCommand(runOneCommand(io))
    .addHelpText("after", examples("alcides effect list", "alcides effect run neat-network"))

const listCommand = (io: Io) =>
  pipelineCommand("list")
    .summary("print the places of all effects, a line each")
    .description("Print the place of every effect of the pipeline, those of scheduled jobs too, a line each.")
    .option("--json", "an array of objects on the standard output")
    .addHelpText("after", examples("alcides effect list", "alcides effect list --branch production --json"))
    .action(async (flags) => {
      const { pipeline } = await prepare(prepareOptions(io, flags))
      const effects = pipeline.effects.map(({ id, effect, job, runs }) => ({
        id,
        name: effect.name,
        job: `${job.kind}.${job.name}`,
        condition: runs,
      }))
      io.stdout.write(
        flags.json === true ? `${JSON.stringify(effects, null, 2)}\n` : effects.map(({ id }) => `${id}\n`).join(""),
      )
    })

const runOneCommand = (io: Io) =>
  pipelineCommand("run")
    .summary("run one effect, if its condition holds")
    .description("Prebuild everything, then run one effect, if its condition holds.")
    .argument("<effect>", "the effect, by name or by its place in the tree")
    .option("--dry-run", "do everything up to the effect, and nothing after it")
    .option("--no-wait", "fail with exit code 6 when a lock is held, instead of waiting")
    .option("--allow-older", "deploy although a newer commit was deployed already")
    .option("--json", "the report as one object on the standard output")
    .option("--report <file>", "also write the report as one HTML page")
    .addHelpText("after", examples("alcides effect run neat-network --branch production"))
    .action((effect, flags) => runPipelineCommand(io, { ...flags, only: [effect] }))
