import { AlcidesError } from "../../../src/errors.ts"
import { stateLock } from "../../../src/state/names.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { bytes } from "./content.ts"

const writer = { by: "child" }
const request = { exclusive: true, description: "", holder: writer, ttl: 60, idempotencyKey: "child", queue: true }

/** Does one thing to a store, by its name, and prints "done" or the code of the error. */
export async function runOperation(
  store: StateStore,
  { operation, lease }: { readonly operation: string; readonly lease: string },
): Promise<void> {
  const operations: Readonly<Record<string, () => Promise<unknown>>> = {
    put: () => store.put("a.json", bytes("new content", 4), { base: "current", writer }),
    "put under lease": () =>
      store.put("a.json", bytes("new content"), { base: "current", writer, lease: { id: lease } }),
    rollback: () => store.rollback("a.json", { to: 1, writer }),
    delete: () => store.delete("a.json", { writer }),
    acquire: () => store.acquire({ ...request, lock: "production" }),
    "acquire the state file's": () => store.acquire({ ...request, lock: stateLock("a.json") }),
    renew: () => store.renew(lease, { ttl: 600 }),
    release: () => store.release(lease),
  }
  try {
    await operations[operation]?.()
    process.stdout.write("done\n")
  } catch (error) {
    process.stdout.write(`${error instanceof AlcidesError ? error.code : String(error)}\n`)
  }
}
