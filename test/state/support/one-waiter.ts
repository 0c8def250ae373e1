// Joins a queue, says so, and says when it got the lock.
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
process.stdout.write(`token ${held.lease.token}\n`)
await held.release()
