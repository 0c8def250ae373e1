import { Command } from "@commander-js/extra-typings"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { openLeaseStore, storeOption } from "../store-options.ts"
import { leaseIdOption } from "./options.ts"

export const releaseCommand = (io: Io) =>
  new Command("release")
    .description(
      "Release a lease. Exits 6 when it was no longer held, so that you know the lock was not yours all the time.",
    )
    .addOption(leaseIdOption())
    .addOption(storeOption())
    .addHelpText("after", examples('alcides lock release --lease-id "$lease"'))
    .action(async ({ leaseId, ...where }) => {
      const store = await openLeaseStore(io, where)
      await store.release(leaseId)
      io.stderr.write("lock released\n")
    })
