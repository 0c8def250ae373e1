import { cp, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { expect, onTestFinished, test } from "vitest"
import { openStore } from "../../../src/state/open.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { testFormat1 } from "../formats.ts"
import { bytes, textOf } from "../support/content.ts"
import { formatInFolder } from "../support/format-fixtures.ts"

const alice = { by: "alice@ci", rev: "0123456789abcdef0123456789abcdef01234567", runUrl: "https://ci.example/runs/1" }
const leaseId = "f8fb7ffd-f00f-84ed-847e-0a9df3bbf4ae"

// Written once by the first version of the layout, and never again: what lies in people's stores must stay readable.
async function storeOfFormat1(): Promise<StateStore> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-format-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await cp(fileURLToPath(new URL("../../fixtures/state-format-1", import.meta.url)), folder, { recursive: true })
  return openStore(pathToFileURL(folder).href, { site: "github", owner: "Neat-Org", name: "neat-repo" })
}

test("state files of format 1 are read with all their versions", async () => {
  const store = await storeOfFormat1()
  expect((await store.list()).map(({ name, versions, current }) => [name, versions, current.version])).toEqual([
    ["nixops-foo.json", 3, 3],
  ])
  expect(await store.history("nixops-foo.json")).toEqual([
    expect.objectContaining({ version: 3, size: 15, writer: alice, message: "back to one machine", rollbackOf: 1 }),
    expect.objectContaining({ version: 2, created: "2026-11-21T10:34:22.911Z", writer: { by: "bob@laptop" } }),
    expect.objectContaining({ version: 1, message: "first deployment", writer: alice }),
  ])
  const contents = []
  for (const version of [1, 2, 3])
    contents.push(await textOf((await store.get("nixops-foo.json", { version }))?.content ?? bytes("")))
  expect(contents).toEqual(['{"machines":1}\n', '{"machines":2}\n', '{"machines":1}\n'])
  expect(await store.get("gone")).toBeUndefined()
  expect((await store.history("gone"))?.[0]).toMatchObject({ version: 2, deleted: true, message: "no longer needed" })
})

test("locks of format 1 are read, and what was held is still held", async () => {
  const store = await storeOfFormat1()
  expect(await store.locks()).toEqual([
    {
      lock: "alcides.state.nixops-foo.json",
      leases: [],
      waiting: 0,
      broken: { by: "admin@desk", at: "2026-11-21T10:34:23.032Z", reason: "its runner died" },
    },
    expect.objectContaining({
      lock: "production",
      leases: [expect.objectContaining({ id: leaseId, token: 1, holder: alice, expires: "2126-10-28T10:34:22.992Z" })],
    }),
  ])
  await store.release(leaseId)
})

test("a store of format 1 is written on, in format 1", async () => {
  const store = await storeOfFormat1()
  expect(await store.put("nixops-foo.json", bytes("next"), { base: 3, writer: alice })).toMatchObject({ version: 4 })
  expect(await textOf((await store.get("nixops-foo.json"))?.content ?? bytes(""))).toBe("next")
  const lines = (
    await readFile(
      fileURLToPath(
        `${store.url}/projects/github/%254eeat-%254frg/neat-repo/state/nixops-foo.json/head/0000000005.json`,
      ),
      "utf8",
    )
  ).split("\n")
  expect(lines[0]).toMatch(/^alcides-record 1 [0-9a-f-]{36} [0-9a-f-]{36} [0-9a-f]{64}$/)
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({
    format: 1,
    name: "nixops-foo.json",
    fences: [{ lock: "alcides.state.nixops-foo.json", token: 1 }],
  })
})

testFormat1("file", () => formatInFolder("state-format-1-file"), { markerSuffices: true })
