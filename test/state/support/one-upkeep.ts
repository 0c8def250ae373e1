// Does one longer thing to a store, and stops itself before the given step, as a crash would: URL OPERATION LEASE STEP WITH.
import { AlcidesError } from "../../../src/errors.ts"
import { copyProject } from "../../../src/state/history/copy.ts"
import { objectsSource } from "../../../src/state/history/copy-source.ts"
import { pruneState } from "../../../src/state/history/prune.ts"
import { rekeyState } from "../../../src/state/history/rekey.ts"
import { keptFileAt } from "../../../src/state/kept.ts"
import { recoverKept } from "../../../src/state/kept/recover.ts"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { encryptionFor, keyPair } from "./age.ts"
import { stoppingObjects } from "./stopping-objects.ts"

const [url = "", operation = "", leaseId = "", where = "", given = ""] = process.argv.slice(2)
const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const name = "a.json"
const lease = { id: leaseId }
const objects = stoppingObjects(url, { where, changesOnly: true })

const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  prune: () => pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease }),
  async copy() {
    const from = objectsSource({ objects: openFileStore(given), project })
    await copyProject({ from, to: objects, project, hold: (_, act) => act(lease) })
  },
  async rekey() {
    const pair = await keyPair(async () => given)
    const encryption = await encryptionFor({ recipients: [pair], identities: [pair] })
    await rekeyState({ objects, project }, { name, encryption, inClear: false, lease })
  },
  async recover() {
    const kept = await keptFileAt(given)
    if (kept === undefined) throw new Error("nothing is kept")
    const store = createStateStore({ objects, project })
    await recoverKept({ kept, name, base: kept.about?.base, store, lease, writer: { by: "child" }, allowEmpty: false })
  },
}

try {
  await operations[operation]?.()
  process.stdout.write("done\n")
} catch (error) {
  process.stdout.write(`${error instanceof AlcidesError ? error.code : String(error)}\n`)
}
