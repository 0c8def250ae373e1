import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings"
import { createLog, type Log } from "../log.ts"
import type { PrepareOptions } from "../pipeline/prepare.ts"
import { hasColor } from "./color.ts"
import type { Io } from "./io.ts"
import { projectOption } from "./project-option.ts"
import { storeOption } from "./store-options.ts"

/** A command about the pipeline file, with the options that say which, for which commit, with which store and secrets. */
export function pipelineCommand(name: string) {
  return new Command(name)
    .option(
      "-f, --file <file>",
      "the pipeline file (default: alcides.config.ts or ci.ts, here or at the repository's top)",
    )
    .option("--ref <ref>", "run for this ref, such as refs/heads/production (default: the CI's, else git's)")
    .option("--branch <name>", "short for --ref refs/heads/NAME")
    .option("--tag <name>", "short for --ref refs/tags/NAME")
    .option("--rev <commit>", "the commit (default: the CI's, else git's)")
    .option("--on-schedule [job]", "this scheduled job instead of the push jobs; without a name, those that are due")
    .option("--secrets <file>", "the secrets.json (default: ALCIDES_SECRETS_JSON, else the owner's file)")
    .addOption(projectOption())
    .addOption(storeOption())
    .addOption(new Option("-v, --verbose", "also what is normally not worth a line"))
}

type PipelineFlags = {
  readonly file?: string | undefined
  readonly ref?: string | undefined
  readonly branch?: string | undefined
  readonly tag?: string | undefined
  readonly rev?: string | undefined
  readonly onSchedule?: string | true | undefined
  readonly secrets?: string | undefined
  readonly project?: string | undefined
  readonly store?: string | undefined
}

/** The options of `pipelineCommand`, as `prepare` takes them. */
export function prepareOptions({ env, cwd, redactor, signal }: Io, flags: PipelineFlags): PrepareOptions {
  const { ref, branch, tag, rev, ...rest } = flags
  const { file, onSchedule, secrets, project, store } = rest
  return {
    env,
    cwd,
    refs: { ref, branch, tag, rev },
    file,
    onSchedule,
    secrets,
    project,
    store,
    mask: redactor.add,
    signal,
  }
}

/** The log of a command about the pipeline, on standard error, with every secret masked. */
export function pipelineLog(io: Pick<Io, "env" | "stderr" | "redactor">, verbose: boolean): Log {
  const { stderr, redactor } = io
  return createLog({ stream: stderr, redact: (line) => redactor.redact(line), verbose, color: hasColor(io, stderr) })
}

/** Collects a repeatable option that also takes several values between commas. */
export function listOption(value: string, before: readonly string[] = []): readonly string[] {
  const parts = value.split(",").filter((part) => part !== "")
  // An empty variable in a script must not mean everything.
  if (parts.length === 0) throw new InvalidArgumentError("It names nothing.")
  return [...before, ...parts]
}
