// Contends for one lock and one state file: URL PROCESS CONTENDERS ROUNDS. Prints what went wrong, then "done".
import { open, readFile, rm, writeFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { AlcidesError } from "../../../src/errors.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openStore } from "../../../src/state/open.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { bytes, textOf } from "./content.ts"

const [url = "", side = "", name = "", contenders = "", rounds = ""] = process.argv.slice(2)
const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const say = (line: string): void => void process.stdout.write(`${line}\n`)

type Turn = { readonly lease: Lease; readonly expected: number | undefined }

/** Waits for the lock. Whoever finds a holder knows which token it must get, when nobody overtakes. */
async function acquire(store: StateStore, who: string): Promise<Turn> {
  let expected: number | undefined
  for (let turn = 0; ; turn += 1) {
    const answer = await store.acquire({
      lock: stateLock("counter"),
      exclusive: true,
      description: who,
      holder: { by: who },
      ttl: 60,
      idempotencyKey: who,
      queue: true,
    })
    if (answer.outcome === "acquired") return { lease: answer.lease, expected }
    const [holder] = answer.by
    if (turn === 0 && holder !== undefined) expected = holder.token + answer.ahead + 1
    await sleep(5 + answer.ahead * 5)
  }
}

/** Under the lock: a file that only one may make, and a counter that only one may change. */
async function locked(store: StateStore, who: string): Promise<void> {
  const { lease, expected } = await acquire(store, who)
  if (expected !== undefined && lease.token !== expected) say(`overtaken: ${lease.token} instead of ${expected}`)
  const inside = await open(`${side}/inside`, "wx").catch(() => undefined)
  if (inside === undefined) say(`two holders: ${who}`)
  const before = await store.get("counter", { lease })
  const count = before === undefined ? 0 : Number(await textOf(before.content))
  const plain = Number(await readFile(`${side}/plain`, "utf8").catch(() => "0"))
  if (plain !== count) say(`lost update: the store says ${count}, the plain file ${plain}`)
  await store.put("counter", bytes(String(count + 1)), {
    base: before?.version.version ?? "absent",
    writer: { by: who },
    lease,
  })
  await writeFile(`${side}/plain`, String(count + 1))
  await inside?.close()
  await rm(`${side}/inside`, { force: true })
  await store.release(lease.id)
  say(`token ${lease.token}${expected === undefined ? "" : " in turn"}`)
}

/** Without a lock: compare and swap alone. */
async function swapped(store: StateStore, who: string): Promise<void> {
  for (;;) {
    const before = await store.get("swapped")
    const count = before === undefined ? 0 : Number(await textOf(before.content))
    try {
      const { version } = await store.put("swapped", bytes(String(count + 1)), {
        base: before?.version.version ?? "absent",
        writer: { by: who },
      })
      return say(`version ${version}`)
    } catch (error) {
      if (!(error instanceof AlcidesError) || error.code !== "state-conflict") throw error
    }
  }
}

async function contend(index: number): Promise<void> {
  const store = await openStore(url, project)
  for (let round = 0; round < Number(rounds); round += 1) {
    const who = `${name}-${index}-${round}`
    await locked(store, who)
    await swapped(store, who)
  }
}

await Promise.all(Array.from({ length: Number(contenders) }, (_, index) => contend(index)))
say("done")
