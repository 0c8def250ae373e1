import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import * as z from "zod/mini"
import { stateLock } from "../../src/state/names.ts"
import { project } from "./contract.ts"
import { bytes } from "./support/content.ts"
import { bundleProgram, type Program } from "./support/program.ts"
import type { ProgramStorage } from "./support/storage.ts"

const hour = 3600_000
const toldSchema = z.object({
  lease: z.object({ id: z.string(), acquired: z.string(), expires: z.string() }),
  version: z.object({ created: z.string() }),
})

/** What must hold when a machine's clock is wrong: only the store's counts. */
export function testClocks(name: string, makeStorage: () => Promise<ProgramStorage>): void {
  describe(`${name}: a machine whose clock is wrong`, () => {
    let program: Program
    beforeAll(async () => {
      program = await bundleProgram("clock-off.ts")
    })
    afterAll(() => program.remove())

    test.each([
      ["an hour ahead", hour],
      ["an hour behind", -hour],
    ])("%s takes, keeps and respects leases as all others do", async (_, off) => {
      const { url, env, open, remove } = await makeStorage()
      onTestFinished(remove)
      const store = await open(project)
      await store.put("a.json", bytes("before"), { base: "absent", writer: { by: "parent" } })

      const { lines } = await program.start([url, String(off)], env).ended
      const { lease, version } = z.parse(toldSchema, JSON.parse(lines.join()))
      const near = (time: string, ms: number): void => expect(Math.abs(Date.parse(time) - ms)).toBeLessThan(10_000)
      near(lease.acquired, Date.now())
      near(lease.expires, Date.now() + 120_000)
      near(version.created, Date.now())

      const lock = stateLock("a.json")
      expect(await store.locks()).toMatchObject([{ lock, leases: [{ id: lease.id }] }])
      await expect(
        store.put("a.json", bytes("x"), { base: "current", writer: { by: "parent" } }),
      ).rejects.toMatchObject({ code: "state-locked" })
      const request = { exclusive: true, description: "", holder: { by: "parent" }, idempotencyKey: "p", queue: false }
      expect(await store.acquire({ ...request, lock, ttl: 5 })).toMatchObject({ outcome: "blocked" })
      await store.release(lease.id)

      // Nor does the wrong clock take over what others hold.
      expect(await store.acquire({ ...request, lock, ttl: 60 })).toMatchObject({ outcome: "acquired" })
      expect((await program.start([url, String(off)], env).ended).lines).toEqual(["blocked"])
    })
  })
}
