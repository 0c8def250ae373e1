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
      "End every lease on a lock whose holder is dead. A holder that lives is ended, and cannot write any more.",
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
      const leases = (await store.locks()).find(({ lock }) => lock === name)?.leases ?? []
      if (leases.length > 0) {
        const holders = leases.map(describeLease).join("; ")
        const question = `break the lock ${name} of ${formatProject(store.project)}, held by ${holders}?`
        await confirm({ io, question, yes })
        if (yes !== true) await assertStillHeld(store, { name, leases })
      }
      const { by } = await currentWriter(io, store.project)
      const ended = leases.length === 0 ? [] : await store.break(name, { by, ...(reason !== undefined && { reason }) })
      if (json === true) io.stdout.write(`${JSON.stringify(ended, undefined, 2)}\n`)
      else if (ended.length === 0) io.stderr.write(`the lock ${name} is not held; there is nothing to break\n`)
      for (const lease of ended)
        io.stderr.write(`lock ${name} broken; it was held by ${printable(describeLease(lease))}\n`)
    })

// A question may stay unanswered for long, and whoever holds the lock by now was not asked about.
async function assertStillHeld(
  store: StateStore,
  { name, leases }: { readonly name: string; readonly leases: readonly Lease[] },
): Promise<void> {
  const asked = new Set(leases.map(({ id }) => id))
  const held = (await store.locks()).find(({ lock }) => lock === name)?.leases ?? []
  const other = held.find(({ id }) => !asked.has(id))
  if (other === undefined) return
  throw new AlcidesError({
    code: "lock-holder-changed",
    message: `the lock ${name} is held by ${describeLease(other)} meanwhile; nothing was broken`,
    hint: "run it again if this one is dead, too",
  })
}
