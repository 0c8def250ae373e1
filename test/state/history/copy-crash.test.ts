import { readdir } from "node:fs/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { copyProject } from "../../../src/state/history/copy.ts"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { pruneState } from "../../../src/state/history/prune.ts"
import { project } from "../contract.ts"
import { bytes } from "../support/content.ts"
import { bundleProgram, type Program } from "../support/program.ts"
import { age, hold, killAtEachStep, name, place, texts, wholeVersions, writer, type Place } from "../support/upkeep.ts"

let program: Program
beforeAll(async () => {
  program = await bundleProgram("one-upkeep.ts")
})
afterAll(() => program.remove())

test.each([
  ["an empty store", 0, ["", "1"]],
  ["an older copy", 1, ["1", "1,2"]],
])(
  "killed before any step, push to %s has copied all versions, or none, and what is named is whole",
  async (_, before, outcomes) => {
    const [from, to] = [await place(before), await place(0)]
    const lease = await hold(to.store)
    const push = ({ url }: Pick<Place, "url">) =>
      copyProject({ from: openFileStore(from.url), to: openFileStore(url), project, hold: (_, act) => act(lease) })
    if (before > 0) await push(to)
    await from.store.put(name, bytes(texts[before] ?? ""), { base: "current", writer })

    const seen = new Set<string>()
    const steps = await killAtEachStep({
      program,
      root: to.root,
      args: (url, step) => [url, "push", lease.id, String(step), from.url],
      check: async (copy) => {
        seen.add((await wholeVersions(copy.store)).join())
        await push(copy)
        expect(await copy.store.history(name)).toEqual(await from.store.history(name))
        expect((await wholeVersions(copy.store)).join()).toBe(outcomes[1])
        const folder = await age(copy)
        await pruneState({ objects: openFileStore(copy.url), project }, { name, retention: { keepLast: 9 }, lease })
        expect(await readdir(folder)).toHaveLength(before + 1)
      },
    })
    expect(seen).toEqual(new Set(outcomes))
    expect(steps).toBeGreaterThan(20)
  },
)
