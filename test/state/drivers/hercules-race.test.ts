import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, onTestFinished, test } from "vitest"
import { stateLock } from "../../../src/state/names.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "../support/content.ts"
import { plainStorage, servedStorage } from "../support/hercules-server.ts"

const isFull = process.env["ALCIDES_TEST_RACES"] === "full"
const contenders = 32
const rounds = isFull ? 50 : 1
const timeout = isFull ? 3600_000 : 60_000

async function acquire(store: StateStore, who: string): Promise<Lease> {
  const idempotencyKey = randomUUID()
  for (;;) {
    const answer = await store.acquire({
      lock: stateLock("counter"),
      exclusive: true,
      description: who,
      holder: { by: who },
      ttl: 60,
      idempotencyKey,
      queue: true,
    })
    if (answer.outcome === "acquired") return answer.lease
    await sleep(150 + Math.random() * 200)
  }
}

for (const [server, make] of [
  ["alcides serve state", servedStorage],
  ["a server that compares nothing", plainStorage],
] as const) {
  test(`${contenders} contenders: never two holders, never a lost update: ${server}`, { timeout }, async () => {
    const storage = await make()
    onTestFinished(() => storage.remove())
    let inside = 0
    const problems: string[] = []
    const contend = async (index: number): Promise<void> => {
      const store = await storage.open(project)
      for (let round = 0; round < rounds; round += 1) {
        const lease = await acquire(store, `${index}-${round}`)
        inside += 1
        if (inside > 1) problems.push(`${inside} holders`)
        const before = await store.get("counter", { lease })
        const count = before === undefined ? 0 : Number(await textOf(before.content))
        const put = await store.put("counter", bytes(String(count + 1)), {
          base: before?.version.version ?? "absent",
          writer: { by: "contender" },
          lease,
        })
        if (put.version !== count + 1) problems.push(`version ${put.version} after a count of ${count}`)
        inside -= 1
        await store.release(lease.id)
      }
    }
    await Promise.all(Array.from({ length: contenders }, (_, index) => contend(index)))
    expect(problems).toEqual([])
    const behind = await storage.behind(project)
    expect(await textOf((await behind.get("counter"))?.content ?? bytes(""))).toBe(String(contenders * rounds))
    expect(await behind.history("counter")).toHaveLength(contenders * rounds)
  })
}
