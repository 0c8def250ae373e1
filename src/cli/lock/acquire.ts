import { randomUUID } from "node:crypto"
import { Command } from "@commander-js/extra-typings"
import { Exit } from "../../errors.ts"
import { createLog } from "../../log.ts"
import { obtainLease } from "../../state/locks/lease.ts"
import { surroundingLease } from "../../state/locks/surrounding-lease.ts"
import type { Lease } from "../../state/store.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { formatTime } from "../time.ts"
import { currentWriter } from "../writer.ts"
import { leaseJson } from "./lease-json.ts"
import { nameOption, nonExclusiveOption, noWaitOption, ttlOption, unattendedTtl } from "./options.ts"
import { tellWaiting } from "./waiting.ts"

export const acquireCommand = (io: Io) =>
  new Command("acquire")
    .description("Acquire a lock and print its lease. The lease ends by itself unless `lock update` extends it.")
    .addOption(nameOption())
    .option("--description <text>", "for those who wait meanwhile", "alcides lock acquire")
    .addOption(nonExclusiveOption())
    .addOption(noWaitOption())
    .addOption(ttlOption("how long the lease lasts without an update").default(unattendedTtl))
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the lease as an object; with --no-wait, also the leases in the way")
    .addHelpText(
      "after",
      examples("lease=$(alcides lock acquire --name production)", 'alcides lock release --lease-id "$lease"'),
    )
    .action(async ({ name, description, nonExclusive, wait, ttl, json, ...where }) => {
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const parent = surroundingLease(io.env, { store })
      const request = {
        lock: name,
        exclusive: nonExclusive !== true,
        description,
        holder: await currentWriter(io, store.project),
        ttl,
        ...(parent !== undefined && { parent }),
      }
      if (!wait && json === true) {
        const answer = await store.acquire({ ...request, idempotencyKey: randomUUID(), queue: false })
        if (answer.outcome === "acquired") return tellAcquired(io, answer.lease, true)
        io.stdout.write(`${JSON.stringify({ blockedByLeases: answer.by })}\n`)
        return io.exit(Exit.notLocked)
      }
      const log = createLog({ stream: io.stderr, redact: (line) => line })
      const { lease } = await obtainLease(store, request, {
        wait,
        log,
        signal: io.signal,
        onWaiting: tellWaiting(io, name),
      })
      return tellAcquired(io, lease, json === true)
    })

function tellAcquired({ stdout, stderr }: Io, lease: Lease, json: boolean): void {
  stderr.write(`lock ${lease.lock} acquired until ${formatTime(lease.expires)}\n`)
  stdout.write(json ? leaseJson(lease) : `${lease.id}\n`)
}
