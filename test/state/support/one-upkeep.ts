// Prunes or copies to a store, and stops itself before the given step, as a crash would: URL OPERATION LEASE STEP [FROM].
import { AlcidesError } from "../../../src/errors.ts"
import { copyProject } from "../../../src/state/history/copy.ts"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { pruneState } from "../../../src/state/history/prune.ts"

const [url = "", operation = "", leaseId = "", where = "", from = ""] = process.argv.slice(2)
const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const lease = { id: leaseId }

let steps = 0
const objects = openFileStore(url, {
  onStep: () => {
    steps += 1
    if (String(steps) === where) process.kill(process.pid, "SIGKILL")
  },
})

const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  prune: () => pruneState({ objects, project }, { name: "a.json", retention: { keepLast: 1 }, lease }),
  push: () => copyProject({ from: openFileStore(from), to: objects, project, hold: (_, act) => act(lease) }),
}

try {
  await operations[operation]?.()
  process.stdout.write("done\n")
} catch (error) {
  process.stdout.write(`${error instanceof AlcidesError ? error.code : String(error)}\n`)
}
