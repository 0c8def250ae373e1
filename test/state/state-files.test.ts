import { expect, test } from "vitest"
import { createStateStore } from "../../src/state/object-state-store.ts"
import { project } from "./contract.ts"
import { bytes } from "./support/content.ts"
import { memoryObjects } from "./support/memory.ts"

const hour = 3600_000

// Content that no head names is removed a day after it was written: a writer who is that slow must not name it any more.
test.each([
  [11, true],
  [13, false],
])("a write that took %d hours goes through: %s", async (hours, goesThrough) => {
  let now = 0
  const memory = memoryObjects({ clock: () => now })
  const store = createStateStore({
    objects: {
      ...memory,
      writeBlob: async (folder, blob) => {
        now += hours * hour
        return memory.writeBlob(folder, blob)
      },
    },
    project,
  })
  const put = store.put("a.json", bytes("content"), { base: "absent", writer: { by: "alice" } })
  if (goesThrough) expect(await put).toMatchObject({ version: 1 })
  else
    await expect(put).rejects.toMatchObject({
      code: "state-write-too-long",
      exit: 1,
      message: 'writing "a.json" took more than 12 hours',
    })
  expect((await store.history("a.json"))?.length).toBe(goesThrough ? 1 : undefined)
})
