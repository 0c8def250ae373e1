import { Command, Option } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { formatProject } from "../../state/names.ts"
import type { ProjectObjects } from "../../state/project-objects.ts"
import type { Pruned } from "../../state/history/prune.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { formatSize } from "../size.ts"
import { storeOption } from "../store-options.ts"
import { openKnownState, openProjectObjects } from "./known-state.ts"
import { noWaitOption } from "./options.ts"
import { rangesOf } from "./ranges.ts"
import { writeUnderLease } from "./write.ts"

export const pruneCommand = (io: Io) =>
  new Command("prune")
    .description(
      "Remove old versions for good: all but the current one, those that are pinned, and those that a rule keeps.",
    )
    .addOption(new Option("--name <name>", "the state file's name").conflicts("all"))
    .option("--all", "every state file of the project, also those that were deleted")
    .option("--keep-last <n>", "keep the newest N versions with content", countArgument)
    .option("--keep-days <d>", "keep whatever was current at any time in the last D days", countArgument)
    .option("--dry-run", "only say what would be removed")
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array with an object for each state file: name, removed versions, freed bytes")
    .addHelpText(
      "after",
      examples(
        "alcides state prune --name nixops-foo.json --keep-last 50",
        "alcides state prune --all --keep-last 10 --keep-days 90 --dry-run",
      ),
    )
    .action(async ({ name, all, keepLast, keepDays, dryRun, wait, json, ...where }) => {
      if (name === undefined && all !== true) throw namesMissing()
      if (keepLast === undefined && keepDays === undefined) throw rulesMissing()
      const retention = { ...(keepLast !== undefined && { keepLast }), ...(keepDays !== undefined && { keepDays }) }
      const flags = { ...where, contents: "none" } as const
      const at = name === undefined ? await openProjectObjects(io, flags) : await openKnownState(io, { name, ...flags })
      const { store, project } = at
      const { planPrune, pruneState } = await import("../../state/history/prune.ts")
      const pruned: Pruned[] = []
      for (const file of name === undefined ? await allNames(at) : [name]) {
        const one =
          dryRun === true
            ? await planPrune(at, { name: file, retention })
            : await writeUnderLease(io, { store, name: file, description: "alcides state prune", wait }, ({ lease }) =>
                pruneState(at, { name: file, retention, lease }),
              )
        pruned.push(one)
        if (json !== true) io.stderr.write(`${lineOf(one, dryRun === true)}\n`)
      }
      if (json === true) io.stdout.write(`${JSON.stringify(pruned, undefined, 2)}\n`)
      else if (pruned.length === 0) io.stderr.write(`no state files in ${formatProject(project)} at ${store.url}\n`)
    })

async function allNames(at: ProjectObjects): Promise<readonly string[]> {
  const { readHeads } = await import("../../state/records/all-heads.ts")
  return (await readHeads(at)).map(({ name }) => name)
}

function lineOf({ name, removed, bytes }: Pruned, isPlan: boolean): string {
  if (removed.length === 0) return `state ${name}: nothing to prune`
  const versions = `version${removed.length === 1 ? "" : "s"} ${rangesOf(removed.map(({ version }) => version))}`
  return isPlan
    ? `state ${name}: would prune ${versions}, and free ${formatSize(bytes)}`
    : `state ${name}: pruned ${versions}, ${formatSize(bytes)} freed`
}

function countArgument(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw usageError({
    code: "retention-invalid",
    message: `${JSON.stringify(text)} is no number of versions or days`,
    hint: "write a whole number from 1 on; the current version and those that are pinned stay in any case",
  })
}

function namesMissing(): Error {
  return usageError({
    code: "usage",
    message: "neither --name nor --all was given",
    hint: "name one state file, or say --all",
  })
}

function rulesMissing(): Error {
  return usageError({
    code: "usage",
    message: "neither --keep-last nor --keep-days was given",
    hint: "say what to keep, such as --keep-last 50; nothing was removed",
  })
}
