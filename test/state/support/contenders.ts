// Contends for one lock and one state file: URL FOLDER PROCESS CONTENDERS ROUNDS SWAP-EVERY. Prints each turn and what went wrong, then "done".
import { randomUUID } from "node:crypto"
import { open, readFile, rm, writeFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { AlcidesError } from "../../../src/errors.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openStore } from "../../../src/state/open.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { bytes, textOf } from "./content.ts"

const [url = "", side = "", name = "", contenders = "", rounds = "", swapEvery = ""] = process.argv.slice(2)
const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const say = (line: string): void => void process.stdout.write(`${line}\n`)

type Turn = {
  readonly lease: Lease
  /** Before the first request was sent and after it was answered, in nanoseconds of the machine's clock that all processes share. */
  readonly asked: bigint
  readonly answered: bigint
  readonly waited: boolean
}

async function acquire(store: StateStore, who: string): Promise<Turn> {
  const idempotencyKey = randomUUID()
  const asked = process.hrtime.bigint()
  let answered: bigint | undefined
  for (let attempt = 0; ; attempt += 1) {
    const answer = await store.acquire({
      lock: stateLock("counter"),
      exclusive: true,
      description: who,
      holder: { by: who },
      ttl: 60,
      idempotencyKey,
      queue: true,
    })
    answered ??= process.hrtime.bigint()
    if (answer.outcome === "acquired") return { lease: answer.lease, asked, answered, waited: attempt > 0 }
    await sleep(pause(attempt + answer.ahead))
  }
}

// Milliseconds. A server that answers nothing but questions has no time for the holder.
function pause(turn: number): number {
  return Math.min(5 + turn * 5, 500) + Math.random() * 10
}

/** Under the lock: a file that only one may make, and a counter that only one may change. */
async function locked(store: StateStore, who: string): Promise<void> {
  const { lease, asked, answered, waited } = await acquire(store, who)
  const inside = await open(`${side}/inside`, "wx").catch(() => undefined)
  if (inside === undefined) say(`two holders: ${who}`)
  const before = await store.get("counter", { lease })
  const count = before === undefined ? 0 : Number(await textOf(before.content))
  const plain = Number(await readFile(`${side}/plain`, "utf8").catch(() => "0"))
  if (plain !== count) say(`lost update: the store says ${count}, the plain file ${plain}`)
  const { version } = await store.put("counter", bytes(String(count + 1)), {
    base: before?.version.version ?? "absent",
    writer: { by: who },
    lease,
  })
  if (version !== count + 1) say(`version ${version} has the count ${count + 1}`)
  await writeFile(`${side}/plain`, String(count + 1))
  await inside?.close()
  await rm(`${side}/inside`, { force: true })
  await store.release(lease.id)
  const { token } = lease
  say(`turn ${JSON.stringify({ turn: count + 1, token, waited, asked: `${asked}`, answered: `${answered}` })}`)
}

/** Without a lock: compare and swap alone. */
async function swapped(store: StateStore, who: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const before = await store.get("swapped")
    const count = before === undefined ? 0 : Number(await textOf(before.content))
    try {
      const { version } = await store.put("swapped", bytes(String(count + 1)), {
        base: before?.version.version ?? "absent",
        writer: { by: who },
      })
      return say(`version ${version}`)
    } catch (error) {
      // A server that keeps no order may leave somebody without a turn.
      if (!(error instanceof AlcidesError) || !["state-conflict", "store-busy"].includes(error.code)) throw error
      // Where a put first waits for others, to ask again at once is to wait for nothing: somebody else will have been first.
      await sleep(Math.random() * Math.min(5 * 2 ** attempt, 10_000))
    }
  }
}

async function contend(index: number): Promise<void> {
  const store = await openStore(url, project)
  for (let round = 0; round < Number(rounds); round += 1) {
    const who = `${name}-${index}-${round}`
    await locked(store, who)
    if (round % Number(swapEvery) === 0) await swapped(store, who)
    // Where there is no order of arrival, whoever asks again at once is alone: the others sleep.
    await sleep(Math.random() * 100)
  }
}

await Promise.all(Array.from({ length: Number(contenders) }, (_, index) => contend(index)))
say("done")
