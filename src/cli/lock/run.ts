import { basename } from "node:path"
import { Command } from "@commander-js/extra-typings"
import { AlcidesError, Exit, messageOf } from "../../errors.ts"
import { createLog } from "../../log.ts"
import { defaultTtl, holdLease } from "../../state/locks/lease.ts"
import { leaseVariables, surroundingLease } from "../../state/locks/surrounding-lease.ts"
import { definedOnly } from "../environment.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { currentWriter } from "../writer.ts"
import { graceOption, nameOption, nonExclusiveOption, noWaitOption, ttlOption } from "./options.ts"
import { tellWaiting } from "./waiting.ts"

export const runCommand = (io: Io) =>
  new Command("run")
    .description("Run a program while holding a lock, and exit with its exit code.")
    .argument("<command...>", "the program and its arguments, best after --")
    .passThroughOptions()
    .addOption(nameOption())
    .option("--description <text>", "for those who wait meanwhile (default: alcides lock run COMMAND)")
    .addOption(nonExclusiveOption())
    .addOption(noWaitOption())
    .addOption(
      ttlOption("how long the lease outlives a machine that crashed; it is renewed as long as COMMAND runs").default(
        defaultTtl,
      ),
    )
    .addOption(graceOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "a failure to get or to keep the lock as an object on the standard error")
    .addHelpText(
      "after",
      examples(
        "alcides lock run --name production -- ./deploy.sh --all",
        "alcides lock run --name nixops -- nixops deploy -d foo",
      ),
    )
    .action(async ([program = "", ...args], { name, description, nonExclusive, wait, ttl, grace, ...where }) => {
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const { requireProgram } = await import("../../exec/find.ts")
      requireProgram(program, io.env["PATH"])
      const parent = surroundingLease(io.env, { store })
      const log = createLog({ stream: io.stderr, redact: (line) => line })
      const held = await holdLease(
        store,
        {
          lock: name,
          exclusive: nonExclusive !== true,
          description: description ?? `alcides lock run ${basename(program)}`,
          holder: await currentWriter(io, store.project),
          ttl,
          ...(parent !== undefined && { parent }),
        },
        { wait, log, signal: io.signal, onWaiting: tellWaiting(io, name) },
      )
      try {
        const { endProcessesWith, runAttached } = await import("../../exec.ts")
        const exitCode = await runAttached(program, args, {
          env: { ...definedOnly(io.env), ...leaseVariables(held.lease, store) },
          signal: AbortSignal.any([io.signal, held.signal]),
          grace,
        }).finally(async () => {
          if (!held.signal.aborted) return
          // What COMMAND started and moved out of its group, as daemons do, has no lock either.
          await endProcessesWith(`ALCIDES_LOCK_LEASE_ID=${held.lease.id}`)
          // Whatever COMMAND made of its end: it did not have the lock all the time.
          throw lockLost({ program, lock: name, cause: held.signal.reason })
        })
        io.exit(exitCode)
      } finally {
        await held.release()
      }
    })

// An exit code of its own: COMMAND was ended half-way, while under `lock-not-obtained` it was not even started.
function lockLost({
  program,
  lock,
  cause,
}: {
  readonly program: string
  readonly lock: string
  readonly cause: unknown
}): AlcidesError {
  return new AlcidesError({
    code: "lock-lost",
    message: `${basename(program)} was ended, because the lock ${JSON.stringify(lock)} was lost: ${messageOf(cause)}`,
    hint: "look at what it did by then, before it is run again",
    exit: Exit.notRolledBack,
    cause,
  })
}
