import { readdir, utimes } from "node:fs/promises"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { project } from "../contract.ts"
import { testCrashes } from "../crashes.ts"
import { bytes } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { bundleProgram } from "../support/program.ts"

testCrashes("file", { makeStorage: fileStorage, pauses: ["read record", "link record"], putSteps: 10 })

test("what a killed writer left is gone when it is old", async () => {
  const program = await bundleProgram("one-operation.ts")
  onTestFinished(() => program.remove())
  const { root, url, open, remove } = await fileStorage()
  onTestFinished(remove)
  await program.start([url, "put", "", "rename blob"]).ended
  const left = await readdir(join(root, "tmp"))
  expect(left).toHaveLength(1)
  const longAgo = new Date(Date.now() - 2 * 3600_000)
  for (const name of left) await utimes(join(root, "tmp", name), longAgo, longAgo)
  await (await open(project)).put("a.json", bytes("next"), { base: "current", writer: { by: "parent" } })
  expect(await readdir(join(root, "tmp"))).toEqual([])
})
