import { Command } from "@commander-js/extra-typings"
import { AlcidesError } from "../../errors.ts"
import { describeLease } from "../../state/failures.ts"
import { assertLockName, formatProject } from "../../state/names.ts"
import type { Lease, StateStore } from "../../state/store.ts"
import { confirm } from "../confirm.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { printable } from "../printable.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { currentWriter } from "../writer.ts"
import { nameOption } from "./options.ts"

export const breakCommand = (io: Io) =>
  new Command("break")
    .description(
      "End the leases on a lock whose holder is dead. A holder that lives is ended, and cannot write any more.",
    )
    .addOption(nameOption())
    .option("--reason <text>", "kept beside your name, for the others")
    .option("--yes", "do not ask")
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the ended leases as an array")
    .addHelpText("after", examples('alcides lock break --name production --reason "the runner was lost"'))
    .action(async ({ name, reason, yes, json, ...where }) => {
      assertLockName(name)
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const leases = await leasesOn(name, store)
      if (leases.length > 0) {
        const holders = leases.map(describeLease).join("; ")
        const question = `break the lock ${name} of ${formatProject(store.project)}, held by ${holders}?`
        await confirm({ io, question, yes })
      }
      const { by } = await currentWriter(io, store.project)
      // Whoever got the lock since it was looked at was not shown to anybody.
      const ended =
        leases.length === 0 ? [] : await store.break(name, { by, leases, ...(reason !== undefined && { reason }) })
      const others = leases.length === 0 ? [] : await leasesOn(name, store)
      const [other] = others
      if (ended.length === 0 && other !== undefined) throw holderChanged(name, other)
      if (json === true) io.stdout.write(`${JSON.stringify(ended, undefined, 2)}\n`)
      else if (leases.length === 0) io.stderr.write(`the lock ${name} is not held; there is nothing to break\n`)
      else if (ended.length === 0) io.stderr.write(`the lock ${name} is not held any more; nothing was broken\n`)
      for (const lease of ended)
        io.stderr.write(`lock ${name} broken; it was held by ${printable(describeLease(lease))}\n`)
      for (const lease of others)
        io.stderr.write(`lock ${name} is held by ${printable(describeLease(lease))} now, which was not broken\n`)
    })

async function leasesOn(name: string, store: StateStore): Promise<readonly Lease[]> {
  return (await store.locks()).find(({ lock }) => lock === name)?.leases ?? []
}

function holderChanged(name: string, holder: Lease): AlcidesError {
  return new AlcidesError({
    code: "lock-holder-changed",
    message: `the lock ${name} is held by ${describeLease(holder)} meanwhile; nothing was broken`,
    hint: "run it again if this one is dead, too",
  })
}
