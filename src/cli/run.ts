import { resolve } from "node:path"
import { Exit } from "../errors.ts"
import { makePlan } from "../pipeline/plan.ts"
import { prepare } from "../pipeline/prepare.ts"
import type { RunSettings } from "../pipeline/run-one.ts"
import { exitOf, prebuildAll, privateParent, runPipeline } from "../pipeline/run.ts"
import { keptHome } from "../state/kept.ts"
import { validateEffects } from "../pipeline/validate.ts"
import { withConsole } from "./console-to-log.ts"
import { failureOf, formatFailure } from "./errors.ts"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { formatPlan } from "./plan-text.ts"
import { createProgress } from "./progress.ts"
import { listOption, pipelineCommand, pipelineLog, prepareOptions } from "./pipeline-options.ts"
import { formatReport, reportJson } from "./report-text.ts"

export const runCommand = (io: Io) =>
  pipelineCommand("run")
    .description("Prebuild everything; only if all is green, run the effects whose condition holds.")
    .option(
      "--only <effects>",
      "run only these effects, if their condition holds (repeatable, or with commas)",
      listOption,
    )
    .option("--dry-run", "do everything up to the first effect, and nothing after it")
    .option("--no-wait", "fail with exit code 6 when a lock is held, instead of waiting")
    .option("--allow-older", "deploy although a newer commit was deployed already")
    .option("--json", "the report as one object on the standard output")
    .option("--report <file>", "also write the report as one HTML page")
    .addHelpText(
      "after",
      examples(
        "alcides run",
        "alcides run --dry-run",
        "alcides run --only neat-network",
        "alcides run --on-schedule nightly",
      ),
    )
    .action((flags) => runPipelineCommand(io, flags))

export type RunFlags = Parameters<typeof prepareOptions>[1] & {
  readonly only?: readonly string[] | undefined
  readonly dryRun?: true | undefined
  readonly wait: boolean
  readonly allowOlder?: true | undefined
  readonly json?: true | undefined
  readonly report?: string | undefined
  readonly verbose?: true | undefined
}

/** What `run` and `effect run` do. */
export async function runPipelineCommand(io: Io, flags: RunFlags): Promise<void> {
  const { env, signal, redactor } = io
  const progress = createProgress(io.stderr)
  const log = pipelineLog({ env, redactor, stderr: progress.stream }, flags.verbose === true)
  const prepared = await withConsole(log, async () => {
    const found = await prepare({ ...prepareOptions(io, flags), only: flags.only ?? [] })
    await validateEffects(found, env)
    return found
  })

  if (flags.dryRun === true) {
    const builds = await prebuildAll(prepared, { env, signal, redactor, log, onProgress: progress.update }).finally(
      progress.stop,
    )
    const plan = await makePlan(prepared)
    io.stdout.write(redactor.redact(flags.json === true ? `${JSON.stringify(plan, null, 2)}\n` : formatPlan(io, plan)))
    log.info(`dry run: ${builds === 0 ? "nothing to build" : "everything builds"}, and no effect was run`)
    return
  }

  const settings: RunSettings = {
    env,
    log,
    redactor,
    signal,
    wait: flags.wait,
    allowOlder: flags.allowOlder === true,
    privateParent: privateParent(env),
    keptFolder: keptHome(env),
    onProgress: progress.update,
  }
  const report = await withConsole(log, () => runPipeline(prepared, settings)).finally(progress.stop)
  const exit = exitOf(report)
  if (flags.json === true) {
    io.stdout.write(redactor.redact(`${JSON.stringify(reportJson(prepared, report, exit), null, 2)}\n`))
  } else {
    const errors = report.effects.flatMap(({ error }) => error ?? [])
    // What ended the run is told by the effects that it ended, if it ended any.
    if (errors.length === 0 && exit !== Exit.done && report.ended !== undefined) errors.push(report.ended)
    for (const error of errors) io.stderr.write(`${redactor.redact(formatFailure(failureOf(error)))}\n`)
    io.stdout.write(redactor.redact(formatReport(io, report)))
    if (report.effects.some(({ status }) => status === "superseded"))
      log.info("to deploy an older commit on purpose: alcides run --allow-older")
  }
  if (flags.report !== undefined) {
    const { writeReport } = await import("./report-html.ts")
    await writeReport(resolve(io.cwd, flags.report), { io, prepared, report, exit })
    log.info(`the report is in ${flags.report}`)
  }
  io.exit(exit)
}
