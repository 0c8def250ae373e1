// Does one thing to a store and stops itself with a signal before the given step, as a crash would.
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { runOperation } from "./operations.ts"
import { stoppingObjects } from "./stopping-objects.ts"

const [url = "", operation = "", lease = "", where = "", signal] = process.argv.slice(2)
const project = { site: "github", owner: "neat-org", name: "neat-repo" }

const objects = stoppingObjects(url, { where, ...(signal === "SIGSTOP" && { signal }) })
await runOperation(createStateStore({ objects, project }), { operation, lease })
