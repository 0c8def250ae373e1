// Does one thing to a store and stops itself with a signal before the given step, as a crash would.
import { AlcidesError } from "../../../src/errors.ts"
import { stateLock } from "../../../src/state/names.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { bytes } from "./content.ts"
import { stoppingObjects } from "./stopping-objects.ts"

const [url = "", operation = "", leaseId = "", where = "", signal] = process.argv.slice(2)
const writer = { by: "child" }
const project = { site: "github", owner: "neat-org", name: "neat-repo" }

const objects = stoppingObjects(url, { where, ...(signal === "SIGSTOP" && { signal }) })
const store = createStateStore({ objects, project })

const request = { exclusive: true, description: "", holder: writer, ttl: 60, idempotencyKey: "child", queue: true }
const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  put: () => store.put("a.json", bytes("new content", 4), { base: "current", writer }),
  "put under lease": () =>
    store.put("a.json", bytes("new content"), { base: "current", writer, lease: { id: leaseId } }),
  rollback: () => store.rollback("a.json", { to: 1, writer }),
  delete: () => store.delete("a.json", { writer }),
  acquire: () => store.acquire({ ...request, lock: "production" }),
  "acquire the state file's": () => store.acquire({ ...request, lock: stateLock("a.json") }),
  renew: () => store.renew(leaseId, { ttl: 600 }),
  release: () => store.release(leaseId),
}

try {
  await operations[operation]?.()
  process.stdout.write("done\n")
} catch (error) {
  process.stdout.write(`${error instanceof AlcidesError ? error.code : String(error)}\n`)
}
