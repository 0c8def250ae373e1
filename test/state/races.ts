import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import * as z from "zod/mini"
import { project } from "./contract.ts"
import { bytes, textOf } from "./support/content.ts"
import { bundleProgram, type Program } from "./support/program.ts"
import type { ProgramStorage } from "./support/storage.ts"

// How large the race is: in CI, a few seconds' worth. What is asked for before a release:
//   ALCIDES_RACE_ROUNDS=50 ALCIDES_RACE_CONTENDERS=32 ALCIDES_RACE_PROCESSES=8 npm run test:only -- test/state/drivers/file-race.test.ts
// Contenders are those of all processes together. Each of these variables may be set alone.
const contenders = numberOf("ALCIDES_RACE_CONTENDERS", 12)
const processes = numberOf("ALCIDES_RACE_PROCESSES", 4)

function numberOf(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? ""
  if (text === "") return otherwise
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new Error(`${variable} is no number from 1 to 9999: ${text}`)
}

const turnSchema = z.object({
  turn: z.int(),
  token: z.int(),
  waited: z.boolean(),
  asked: z.string().check(z.regex(/^\d+$/)),
  answered: z.string().check(z.regex(/^\d+$/)),
})

/** Who had the lock when; the times are nanoseconds of the machine's clock. */
type Turn = { readonly turn: number; readonly asked: bigint; readonly answered: bigint }

export type Racing = Omit<ProgramStorage, "copy">

export type RaceOptions = {
  /** Whether the server gives the lock to those who wait in the order in which they came. */
  readonly inOrder?: boolean
  /** Whether it counts the grants. */
  readonly hasTokens?: boolean
  /** Unless the environment says how many. */
  readonly rounds?: number
  /** In every which round there is also a swap without the lock, where all but one are refused and begin again. Default: in each. */
  readonly swapEvery?: number
}

/** What must hold when many programs want the same at once, on every driver. */
export function testRaces(
  name: string,
  makeStorage: () => Promise<Racing>,
  { inOrder = true, hasTokens = true, rounds: inCi = 4, swapEvery = 1 }: RaceOptions = {},
): void {
  const rounds = numberOf("ALCIDES_RACE_ROUNDS", inCi)
  const total = rounds * contenders
  // In milliseconds.
  const longest = 60_000 + total * 3_000

  const fresh = async (): Promise<Racing> => {
    const storage = await makeStorage()
    onTestFinished(storage.remove)
    return storage
  }

  describe(name, () => {
    let program: Program
    let waiter: Program
    beforeAll(async () => {
      ;[program, waiter] = await Promise.all([bundleProgram("contenders.ts"), bundleProgram("one-waiter.ts")])
    })
    afterAll(async () => {
      await Promise.all([program.remove(), waiter.remove()])
    })

    test(
      "many contenders in many processes: never two holders, never a lost update, nobody overtaken, every accepted put readable",
      { timeout: longest },
      async () => {
        const { url, env, open } = await fresh()
        const side = await mkdtemp(join(tmpdir(), "alcides-race-"))
        onTestFinished(() => rm(side, { recursive: true, force: true }))
        const shareOf = (index: number): number => Math.floor((contenders + index) / processes)
        const started = Array.from({ length: processes }, (_, index) =>
          program.start([url, side, `p${index}`, String(shareOf(index)), String(rounds), String(swapEvery)], env),
        )
        const lines = (await Promise.all(started.map(({ ended }) => ended))).flatMap(({ lines }) => lines)
        // Two holders and lost updates are lines of their own.
        expect(lines.filter((line) => !/^(turn \{.*\}|version \d+)$/.test(line))).toEqual(
          Array.from({ length: processes }, () => "done"),
        )
        const after = (kind: string): readonly string[] =>
          lines.flatMap((line) => (line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : []))
        const numbers = (length: number): readonly number[] => Array.from({ length }, (_, index) => index + 1)
        const all = numbers(total)
        const swaps = numbers(Math.ceil(rounds / swapEvery) * contenders)
        const turns = after("turn")
          .map((line) => z.parse(turnSchema, JSON.parse(line)))
          .map(({ asked, answered, ...rest }) => ({ ...rest, asked: BigInt(asked), answered: BigInt(answered) }))
          .toSorted((a, b) => a.turn - b.turn)
        expect(turns.map(({ turn }) => turn)).toEqual(all)
        if (hasTokens) expect(turns.map(({ token }) => token)).toEqual(all)
        expect(turns.filter(({ waited }) => waited).length).toBeGreaterThan(total / 4)
        if (inOrder) expect(overtakings(turns)).toEqual([])
        expect(
          after("version")
            .map(Number)
            .toSorted((a, b) => a - b),
        ).toEqual(swaps)

        const store = await open(project)
        for (const [file, versions] of Object.entries({ counter: all, swapped: swaps })) {
          expect((await store.history(file))?.length).toBe(versions.length)
          for (const version of versions)
            expect(await textOf((await store.get(file, { version }))?.content ?? bytes(""))).toBe(String(version))
        }
        if (hasTokens) expect(await store.locks()).toEqual([])
      },
    )

    test.skipIf(!inOrder)("processes that wait get the lock in the order in which they came", async () => {
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
      const times = (await Promise.all(ended)).map(({ lines }) => BigInt(lines.at(-1)?.replace(/^held at /, "") ?? ""))
      expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)))
    })
  })
}

/** Who got the lock after somebody who asked only when the place of the first was known already. */
function overtakings(turns: readonly Turn[]): readonly string[] {
  const found: string[] = []
  let first: Omit<Turn, "asked"> | undefined
  for (const { turn, asked, answered } of turns.toReversed()) {
    if (first !== undefined && first.answered < asked) found.push(`turn ${turn} came after turn ${first.turn}`)
    if (first === undefined || answered < first.answered) first = { turn, answered }
  }
  return found
}
