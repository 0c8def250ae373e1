// Joins a queue, says so, and says when it got the lock, in nanoseconds.
import { silentLog } from "../../../src/log.ts"
import { holdLease } from "../../../src/state/locks/lease.ts"
import { openStore } from "../../../src/state/open.ts"

const [url = "", who = ""] = process.argv.slice(2)
const store = await openStore(url, { site: "github", owner: "neat-org", name: "neat-repo" })
const request = { lock: "production", exclusive: true, description: "", holder: { by: who } }
const held = await holdLease(store, request, {
  wait: true,
  log: silentLog,
  onWaiting: () => void process.stdout.write("queued\n"),
})
// By the machine's clock that all processes share.
process.stdout.write(`held at ${process.hrtime.bigint()}\n`)
await held.release()
