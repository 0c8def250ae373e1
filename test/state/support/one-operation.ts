// Does one thing to a store and stops itself with a signal before the given step, as a crash would.
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { openS3Store } from "../../../src/state/drivers/s3.ts"
import { AlcidesError } from "../../../src/errors.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import { bytes } from "./content.ts"

const [url = "", operation = "", leaseId = "", where = "", signal = "SIGKILL"] = process.argv.slice(2)
const writer = { by: "child" }
const project = { site: "github", owner: "neat-org", name: "neat-repo" }

type Step = { readonly name: string; readonly key?: string }

let steps = 0
let last: Step = { name: "" }
const onStep = (step: Step): void => {
  const { name } = step
  // A probe sends many requests that are alike; between them nothing can become of what was there before.
  const repeats = name === "probe" && last.name === name && last.key === step.key
  last = step
  if (repeats) return
  steps += 1
  if (String(steps) !== where && name !== where) return
  if (signal === "SIGSTOP") process.stdout.write("stopping\n")
  process.kill(process.pid, signal)
}
const objects = url.startsWith("s3:") ? openS3Store(url, { onStep }) : openFileStore(url, { onStep })
const store = createStateStore({ objects, project })

const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  put: () => store.put("a.json", bytes("new content", 4), { base: "current", writer }),
  "put under lease": () =>
    store.put("a.json", bytes("new content"), { base: "current", writer, lease: { id: leaseId } }),
  rollback: () => store.rollback("a.json", { to: 1, writer }),
  delete: () => store.delete("a.json", { writer }),
  acquire: () =>
    store.acquire({
      lock: "production",
      exclusive: true,
      description: "",
      holder: writer,
      ttl: 60,
      idempotencyKey: "child",
      queue: true,
    }),
  renew: () => store.renew(leaseId, { ttl: 600 }),
  release: () => store.release(leaseId),
}

try {
  await operations[operation]?.()
  process.stdout.write("done\n")
} catch (error) {
  process.stdout.write(`${error instanceof AlcidesError ? error.code : String(error)}\n`)
}
