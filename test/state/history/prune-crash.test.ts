import { readdir } from "node:fs/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { pruneState } from "../../../src/state/history/prune.ts"
import { project } from "../contract.ts"
import { bytes } from "../support/content.ts"
import { bundleProgram, type Program } from "../support/program.ts"
import { age, hold, killAtEachStep, name, place, wholeVersions, writer } from "../support/upkeep.ts"

let program: Program
beforeAll(async () => {
  program = await bundleProgram("one-upkeep.ts")
})
afterAll(() => program.remove())

test("killed before any step, prune has removed all that it should, or nothing, and what is named is whole", async () => {
  const { root, store } = await place(3)
  const lease = await hold(store)
  const seen = new Set<string>()
  const steps = await killAtEachStep({
    program,
    root,
    args: (url, step) => [url, "prune", lease.id, String(step)],
    check: async (copy) => {
      seen.add((await wholeVersions(copy.store)).join())
      const folder = await age(copy)
      const at = { objects: openFileStore(copy.url), project }
      await pruneState(at, { name, retention: { keepLast: 1 }, lease })
      expect(await wholeVersions(copy.store)).toEqual([3])
      expect(await readdir(folder)).toHaveLength(1)
      expect(await copy.store.put(name, bytes("four"), { base: 3, writer, lease })).toMatchObject({ version: 4 })
    },
  })
  expect(seen).toEqual(new Set(["1,2,3", "3"]))
  expect(steps).toBeGreaterThan(10)
})
