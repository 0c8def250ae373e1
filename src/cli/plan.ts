import { usageError } from "../errors.ts"
import { makePlan } from "../pipeline/plan.ts"
import { narrow, prepare } from "../pipeline/prepare.ts"
import { prebuildAll } from "../pipeline/run.ts"
import { validateEffects } from "../pipeline/validate.ts"
import { withConsole } from "./console-to-log.ts"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { listOption, pipelineCommand, pipelineLog, prepareOptions } from "./pipeline-options.ts"
import { formatPlan } from "./plan-text.ts"

export const planCommand = (io: Io) =>
  pipelineCommand("plan")
    .description("Show what would build and what would run, under which locks, and why not. Changes nothing.")
    .argument("[effects...]", "with --build: only what these effects prebuild")
    .option("--build", "also build everything that must build before an effect runs")
    .option("--only <effects>", "plan as if only these effects were run (repeatable, or with commas)", listOption)
    .option("--json", "the plan as one object on the standard output")
    .addHelpText(
      "after",
      examples("alcides plan", "alcides plan --branch production", "alcides plan --build neat-network"),
    )
    .action(async (names, flags) => {
      if (names.length > 0 && flags.build !== true) {
        throw usageError({
          code: "plan-effects-without-build",
          message: `${names.join(", ")}: effects are named without --build`,
          hint: `write alcides plan --build ${names.join(" ")}, or --only to plan a part`,
        })
      }
      const log = pipelineLog(io, flags.verbose === true)
      const prepared = await withConsole(log, async () => {
        const found = await prepare({ ...prepareOptions(io, flags), only: flags.only ?? [] })
        await validateEffects(found, io.env)
        return found
      })
      const named = narrow(prepared, names)
      const plan = await makePlan(prepared)
      const text = flags.json === true ? `${JSON.stringify(plan, null, 2)}\n` : formatPlan(io, plan)
      io.stdout.write(io.redactor.redact(text))
      if (flags.build === true) await build()

      async function build(): Promise<void> {
        const { env, signal, redactor } = io
        const builds = await prebuildAll(named, { env, signal, redactor, log })
        log.info(
          builds === 0
            ? "nothing to build"
            : `everything builds: ${builds} ${builds === 1 ? "derivation" : "derivations"}`,
        )
      }
    })
