import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { project } from "./contract.ts"
import { bytes, textOf } from "./support/content.ts"
import { bundleProgram, type Program } from "./support/program.ts"
import type { ProgramStorage } from "./support/storage.ts"

export type RaceSize = { readonly processes: number; readonly contenders: number; readonly rounds: number }

/** A few seconds' worth; `ALCIDES_TEST_RACES=full` asks for 50 rounds of 32 contenders in 8 processes, which takes minutes. */
const size: RaceSize =
  process.env["ALCIDES_TEST_RACES"] === "full"
    ? { processes: 8, contenders: 4, rounds: 50 }
    : { processes: 4, contenders: 3, rounds: 4 }
const longest = process.env["ALCIDES_TEST_RACES"] === "full" ? 3600_000 : 60_000

/** What must hold when many programs want the same at once, on every driver. */
export function testRaces(name: string, makeStorage: () => Promise<ProgramStorage>): void {
  const fresh = async (): Promise<ProgramStorage> => {
    const storage = await makeStorage()
    onTestFinished(storage.remove)
    return storage
  }

  describe(name, () => {
    let contenders: Program
    let waiter: Program
    beforeAll(async () => {
      ;[contenders, waiter] = await Promise.all([bundleProgram("contenders.ts"), bundleProgram("one-waiter.ts")])
    })
    afterAll(async () => {
      await Promise.all([contenders.remove(), waiter.remove()])
    })

    test(
      "many contenders in many processes: never two holders, never a lost update, nobody overtaken, every accepted put readable",
      { timeout: longest },
      async () => {
        const { url, env, open } = await fresh()
        const side = await mkdtemp(join(tmpdir(), "alcides-race-"))
        onTestFinished(() => rm(side, { recursive: true, force: true }))
        const started = Array.from({ length: size.processes }, (_, index) =>
          contenders.start([url, side, `p${index}`, String(size.contenders), String(size.rounds)], env),
        )
        const lines = (await Promise.all(started.map(({ ended }) => ended))).flatMap(({ lines }) => lines)

        const total = size.processes * size.contenders * size.rounds
        const numbers = (kind: string): number[] =>
          lines
            .flatMap((line) => (line.startsWith(`${kind} `) ? [Number.parseInt(line.slice(kind.length + 1), 10)] : []))
            .sort((a, b) => a - b)
        const all = Array.from({ length: total }, (_, index) => index + 1)
        expect(lines.filter((line) => !/^(token|version) \d+( in turn)?$/.test(line))).toEqual(
          Array.from({ length: size.processes }, () => "done"),
        )
        expect(numbers("token")).toEqual(all)
        expect(numbers("version")).toEqual(all)
        expect(lines.filter((line) => line.endsWith(" in turn")).length).toBeGreaterThan(total / 4)

        const store = await open(project)
        for (const file of ["counter", "swapped"]) {
          expect((await store.history(file))?.length).toBe(total)
          for (const version of all)
            expect(await textOf((await store.get(file, { version }))?.content ?? bytes(""))).toBe(String(version))
        }
        expect(await store.locks()).toEqual([])
      },
    )

    test("processes that wait get the lock in the order in which they came", async () => {
      const { url, env, open } = await fresh()
      const store = await open(project)
      const holder = await store.acquire({
        lock: "production",
        exclusive: true,
        description: "",
        holder: { by: "parent" },
        ttl: 60,
        idempotencyKey: "parent",
        queue: false,
      })
      if (holder.outcome !== "acquired") throw new Error("blocked")
      const ended = []
      for (let index = 0; index < 4; index += 1) {
        const started = waiter.start([url, `waiter ${index}`], env)
        ended.push(started.ended)
        await started.line("queued")
      }
      await store.release(holder.lease.id)
      expect((await Promise.all(ended)).map(({ lines }) => lines.at(-1))).toEqual([
        "token 2",
        "token 3",
        "token 4",
        "token 5",
      ])
    })
  })
}
