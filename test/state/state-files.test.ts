import { expect, test } from "vitest"
import { createStateStore } from "../../src/state/object-state-store.ts"
import { project } from "./contract.ts"
import { encryptionFor, keyPair } from "./support/age.ts"
import { bytes, textOf } from "./support/content.ts"
import { memoryObjects } from "./support/memory.ts"
import { countingOpen } from "./support/open-contents.ts"

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

// A content that stays open holds one of fifty connections until the server gives it up.
test("who cannot read an encrypted version leaves nothing open", async () => {
  const [alice, bob] = await Promise.all([keyPair(), keyPair()])
  const { objects, open } = countingOpen(memoryObjects())
  const storeOf = async (keys: Parameters<typeof encryptionFor>[0]) =>
    createStateStore({ objects, project, encryption: await encryptionFor(keys) })
  const writing = await storeOf({ recipients: [alice], identities: [alice] })
  await writing.put("a.json", bytes("secret"), { base: "absent", writer: { by: "alice" } })
  const read = async (store: typeof writing) => textOf((await store.get("a.json"))?.content ?? bytes(""))

  const missing = { code: "state-identity-missing" }
  await expect(read(createStateStore({ objects, project }))).rejects.toMatchObject(missing)
  expect(open()).toBe(0)
  await expect(read(await storeOf({ identities: [bob] }))).rejects.toMatchObject(missing)
  expect(open()).toBe(0)
  expect(await read(writing)).toBe("secret")
  expect(open()).toBe(0)
})
