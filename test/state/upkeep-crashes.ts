import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { copyProject } from "../../src/state/history/copy.ts"
import { objectsSource } from "../../src/state/history/copy-source.ts"
import { pruneState } from "../../src/state/history/prune.ts"
import { rekeyState } from "../../src/state/history/rekey.ts"
import { keepFile, keptFileAt } from "../../src/state/kept.ts"
import { recoverKept } from "../../src/state/kept/recover.ts"
import { createStateStore } from "../../src/state/object-state-store.ts"
import { project } from "./contract.ts"
import { encryptionFor, keyPair } from "./support/age.ts"
import { bytes } from "./support/content.ts"
import { fileStorage } from "./support/file-storage.ts"
import { bundleProgram, type Program } from "./support/program.ts"
import type { ProgramStorage } from "./support/storage.ts"
import * as upkeep from "./support/upkeep.ts"
import type { Place } from "./support/upkeep.ts"

const { name, writer, texts } = upkeep
// In milliseconds: a program for each step, on a machine that may have other things to do.
const timeout = 240_000

export type UpkeepCrashOptions = {
  readonly makeStorage: () => Promise<ProgramStorage>
  /** How many steps each takes at least: fewer means that not all were seen. */
  readonly steps: { readonly prune: number; readonly copy: number; readonly rekey: number; readonly recover: number }
}

/** What must hold when a program is killed between any two steps of what takes many. */
export function testUpkeepCrashes(driver: string, { makeStorage, steps: least }: UpkeepCrashOptions): void {
  let program: Program
  beforeAll(async () => {
    program = await bundleProgram("one-upkeep.ts")
  })
  afterAll(() => program.remove())

  const prune = ({ objects }: Place, keepLast: number, lease: { readonly id: string }) =>
    pruneState({ objects, project }, { name, retention: { keepLast }, lease })

  describe(`${driver}: killed before any step, what is named is whole, and the next one finishes`, { timeout }, () => {
    test("prune has removed all that it should, or nothing", async () => {
      const { storage, store } = await upkeep.place(makeStorage, 2)
      const lease = await upkeep.hold(store)
      const seen = new Set<string>()
      const args = (): readonly string[] => ["prune", lease.id]
      const check = async (copy: Place): Promise<void> => {
        seen.add((await upkeep.wholeVersions(copy.store)).join())
        const isOld = await upkeep.makeOld(copy.storage)
        await prune(copy, 1, lease)
        expect(await upkeep.wholeVersions(copy.store)).toEqual([2])
        if (isOld) expect(await upkeep.contentsIn(copy)).toBe(1)
        expect(await copy.store.put(name, bytes("three"), { base: 2, writer, lease })).toMatchObject({ version: 3 })
      }
      const steps = await upkeep.killAtEachStep({ program, storage, args, check })
      expect(seen).toEqual(new Set(["1,2", "2"]))
      expect(steps).toBeGreaterThan(least.prune)
    })

    test.each([
      ["an empty store", 0, ["", "1"]],
      ["an older copy", 1, ["1", "1,2"]],
    ])("pull or push into %s has copied all versions, or none", async (_, before, outcomes) => {
      const [from, to] = [await upkeep.place(fileStorage, before), await upkeep.place(makeStorage, 0)]
      const lease = await upkeep.hold(to.store)
      const copyTo = ({ objects }: Place) =>
        copyProject({
          from: objectsSource({ objects: from.objects, project }),
          to: objects,
          project,
          hold: (_, act) => act(lease),
        })
      if (before > 0) await copyTo(to)
      await from.store.put(name, bytes(texts[before] ?? ""), { base: "current", writer })

      const seen = new Set<string>()
      const args = (): readonly string[] => ["copy", lease.id, from.storage.url]
      const check = async (copy: Place): Promise<void> => {
        seen.add((await upkeep.wholeVersions(copy.store)).join())
        await copyTo(copy)
        expect(await copy.store.history(name)).toEqual(await from.store.history(name))
        expect((await upkeep.wholeVersions(copy.store)).join()).toBe(outcomes[1])
        if (!(await upkeep.makeOld(copy.storage))) return
        await prune(copy, 9, lease)
        expect(await upkeep.contentsIn(copy)).toBe(before + 1)
      }
      const steps = await upkeep.killAtEachStep({ program, storage: to.storage, args, check })
      expect(seen).toEqual(new Set(outcomes))
      expect(steps).toBeGreaterThan(least.copy)
    })

    test("rekey has encrypted a version, or not", async () => {
      const { storage, store } = await upkeep.place(makeStorage, 1)
      const lease = await upkeep.hold(store)
      const pair = await keyPair()
      const encryption = await encryptionFor({ recipients: [pair], identities: [pair] })
      const seen = new Set<number>()
      const args = (): readonly string[] => ["rekey", lease.id, pair.identity]
      const check = async (copy: Place): Promise<void> => {
        const { objects } = copy
        const reader = createStateStore({ objects, project, encryption })
        expect(await upkeep.wholeVersions(reader)).toEqual([1])
        const encrypted = async (): Promise<number> =>
          (await reader.history(name))?.filter(({ encrypted }) => encrypted !== undefined).length ?? 0
        seen.add(await encrypted())
        await rekeyState({ objects, project }, { name, encryption, inClear: false, lease })
        expect(await upkeep.wholeVersions(reader)).toEqual([1])
        expect(await encrypted()).toBe(1)
        if (!(await upkeep.makeOld(copy.storage))) return
        await prune(copy, 9, lease)
        expect(await upkeep.contentsIn(copy)).toBe(1)
      }
      const steps = await upkeep.killAtEachStep({ program, storage, args, check })
      expect(seen).toEqual(new Set([0, 1]))
      expect(steps).toBeGreaterThan(least.rekey)
    })

    test("recover has put the kept file, or still has it; and it is put once", async () => {
      const { storage, store } = await upkeep.place(makeStorage, 1)
      const lease = await upkeep.hold(store)
      const dir = await mkdtemp(join(tmpdir(), "alcides-kept-"))
      onTestFinished(() => rm(dir, { recursive: true, force: true }))
      const kept = new Map<number, string>()
      const seen = new Set<string>()
      const args = async (step: number): Promise<readonly string[]> => {
        const error = new AlcidesError({ code: "store-full", message: "no space left" })
        const what = { source: bytes(texts[1] ?? ""), name, project, store: storage.url, base: 1, writer, error }
        const path = await keepFile({ ...what, dir: join(dir, String(step)) })
        kept.set(step, path)
        return ["recover", lease.id, path]
      }
      const check = async ({ store }: Place, step: number): Promise<void> => {
        const path = kept.get(step) ?? ""
        const versions = (await upkeep.wholeVersions(store)).join()
        seen.add(`${versions}${existsSync(path) ? " and kept" : ""}`)
        const again = await keptFileAt(path)
        if (again !== undefined)
          await recoverKept({ kept: again, name, base: 1, store, lease, writer, allowEmpty: false })
        expect((await upkeep.wholeVersions(store)).join()).toBe("1,2")
        expect(existsSync(path)).toBe(false)
      }
      const steps = await upkeep.killAtEachStep({ program, storage, args, check })
      // Between the put and the removal of the kept file there may be no step of the storage's.
      expect([...seen].filter((one) => one !== "1,2 and kept").toSorted()).toEqual(["1 and kept", "1,2"])
      expect(steps).toBeGreaterThan(least.recover)
    })
  })
}
