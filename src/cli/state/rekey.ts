import { Command, Option } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { isOwnRecord } from "../../pipeline/record-names.ts"
import { formatProject } from "../../state/names.ts"
import type { ProjectObjects } from "../../state/project-objects.ts"
import type { Rekeyed } from "../../state/history/rekey.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { identityOption, recipientOption, storeOption } from "../store-options.ts"
import { openKnownState, openProjectObjects } from "./known-state.ts"
import { noWaitOption } from "./options.ts"
import { rangesOf } from "./ranges.ts"
import { writeUnderLease } from "./write.ts"

export const rekeyCommand = (io: Io) =>
  new Command("rekey")
    .description("Encrypt every kept version anew, old ones too, for the recipients that are configured now.")
    .addOption(new Option("--name <name>", "the state file's name").conflicts("all"))
    .option("--all", "every state file of the project, also those that were deleted")
    .option("--in-clear", "decrypt every version instead")
    .option("--dry-run", "only say what would be changed")
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .addOption(recipientOption())
    .addOption(identityOption())
    .option("--json", "an array with an object for each state file: name, changed versions, how many were so already")
    .addHelpText(
      "after",
      examples(
        "alcides state rekey --name nixops-foo.json --identity old-and-new-keys.txt --recipient age1…",
        "alcides state rekey --all --dry-run",
      ),
    )
    .action(async ({ name, all, inClear = false, dryRun = false, wait, json, ...where }) => {
      if (name === undefined && all !== true) throw namesMissing()
      const at = name === undefined ? await openProjectObjects(io, where) : await openKnownState(io, { name, ...where })
      const { store, project } = at
      const { assertCanRekey, planRekey, rekeyState } = await import("../../state/history/rekey.ts")
      const rekeying = { encryption: store.encryption, inClear }
      await assertCanRekey(rekeying)
      const done: Rekeyed[] = []
      for (const file of name === undefined ? await allNames(at) : [name]) {
        const one = dryRun
          ? await planRekey(at, { name: file, ...rekeying })
          : await writeUnderLease(io, { store, name: file, description: "alcides state rekey", wait }, ({ lease }) =>
              rekeyState(at, { name: file, lease, ...rekeying }),
            )
        done.push(one)
        if (json !== true) io.stderr.write(`${lineOf(one, { dryRun, inClear })}\n`)
      }
      if (json === true) io.stdout.write(`${JSON.stringify(done, undefined, 2)}\n`)
      else if (done.length === 0) io.stderr.write(`no state files in ${formatProject(project)} at ${store.url}\n`)
    })

async function allNames(at: ProjectObjects): Promise<readonly string[]> {
  const { readHeads } = await import("../../state/records/all-heads.ts")
  return (await readHeads(at)).map(({ name }) => name).filter((name) => !isOwnRecord(name))
}

function lineOf(
  { name, changed, unchanged }: Rekeyed,
  { dryRun, inClear }: { readonly dryRun: boolean; readonly inClear: boolean },
): string {
  if (changed.length === 0) return `state ${name}: nothing to rekey, ${unchanged} so already`
  const [would, did] = inClear ? ["would decrypt", "decrypted"] : ["would encrypt", "encrypted"]
  const many = changed.length === 1 ? "version" : "versions"
  const others = unchanged === 0 ? "" : `; ${unchanged} so already`
  return `state ${name}: ${dryRun ? would : did} ${changed.length} ${many} (${rangesOf(changed)})${others}`
}

function namesMissing(): Error {
  return usageError({
    code: "usage",
    message: "neither --name nor --all was given",
    hint: "name one state file, or say --all",
  })
}
