import { Command } from "@commander-js/extra-typings"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { openLeaseStore, storeOption } from "../store-options.ts"
import { leaseJson } from "./lease-json.ts"
import { leaseIdOption, ttlOption, unattendedTtl } from "./options.ts"

export const updateCommand = (io: Io) =>
  new Command("update")
    .description("Extend a lease, and say anew what it is for.")
    .addOption(leaseIdOption())
    .option("--description <text>", "for those who wait meanwhile (default: as it was)")
    .addOption(ttlOption("how long the lease lasts from now on, if that is later than before").default(unattendedTtl))
    .addOption(storeOption())
    .option("--json", "the lease as an object")
    .addHelpText("after", examples('alcides lock update --lease-id "$lease" --description "still copying"'))
    .action(async ({ leaseId, description, ttl, json, ...where }) => {
      const store = await openLeaseStore(io, where)
      const lease = await store.renew(leaseId, { ttl, ...(description !== undefined && { description }) })
      if (json === true) io.stdout.write(leaseJson(lease))
    })
