import { cp, readdir, rm, utimes } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { copyProject } from "../../src/state/copy.ts"
import { openFileStore } from "../../src/state/drivers/file.ts"
import { stateKeys } from "../../src/state/keys.ts"
import { stateLock } from "../../src/state/names.ts"
import { createStateStore } from "../../src/state/object-state-store.ts"
import { pruneState } from "../../src/state/prune.ts"
import type { Lease, StateStore } from "../../src/state/store.ts"
import { project } from "./contract.ts"
import { bytes, textOf } from "./support/content.ts"
import { fileStorage } from "./support/file-storage.ts"
import { bundleProgram, type Program } from "./support/program.ts"

const name = "a.json"
const writer = { by: "parent" }
const texts = ["one", "two", "three"]

let program: Program
beforeAll(async () => {
  program = await bundleProgram("one-upkeep.ts")
})
afterAll(() => program.remove())

type Place = { readonly root: string; readonly url: string; readonly store: StateStore }

/** A store with so many of the texts in it. */
async function place(versions: number): Promise<Place> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  const store = createStateStore({ objects: openFileStore(url), project })
  for (const text of texts.slice(0, versions)) await store.put(name, bytes(text), { base: "current", writer })
  return { root, url, store }
}

async function hold(store: StateStore): Promise<Lease> {
  const request = { lock: stateLock(name), exclusive: true, description: "", holder: writer, ttl: 300 }
  const answer = await store.acquire({ ...request, idempotencyKey: "parent", queue: false })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

/** Runs the operation on copies of the store, killed before its first step, its second, and so on to its end. */
async function killAtEachStep(
  root: string,
  args: (url: string, step: number) => readonly string[],
  check: (copy: Place) => Promise<void>,
): Promise<number> {
  const killAt = async (step: number): Promise<boolean> => {
    const copy = `${root}-${step}`
    await cp(root, copy, { recursive: true })
    const url = pathToFileURL(copy).href
    const { signal, lines } = await program.start(args(url, step)).ended
    expect(signal === "SIGKILL" || lines.includes("done"), lines.join()).toBe(true)
    await check({ root: copy, url, store: createStateStore({ objects: openFileStore(url), project }) })
    await rm(copy, { recursive: true })
    return signal === "SIGKILL"
  }
  for (let step = 1; ; step += 2) {
    const killed = await Promise.all([killAt(step), killAt(step + 1)])
    if (!killed.every(Boolean)) return step + killed.indexOf(false)
  }
}

/** The versions that the store names, whole: their content is the one they were put with. */
async function wholeVersions(store: StateStore): Promise<readonly number[]> {
  const numbers = ((await store.history(name)) ?? []).map(({ version }) => version).toSorted((a, b) => a - b)
  for (const version of numbers) {
    const found = await store.get(name, { version })
    expect(await textOf(found?.content ?? bytes("absent"))).toBe(texts[version - 1])
  }
  return numbers
}

/** Makes everything in the folder of contents old enough to be taken for left behind. */
async function age({ root }: Place): Promise<string> {
  const folder = join(root, ...stateKeys(project, name).blobs.split("/"))
  const longAgo = new Date(Date.now() - 25 * 3600_000)
  for (const blob of await readdir(folder)) await utimes(join(folder, blob), longAgo, longAgo)
  return folder
}

describe("killed before any step", () => {
  test("prune has removed all that it should, or nothing, and what is named is whole", async () => {
    const { root, store } = await place(3)
    const lease = await hold(store)
    const seen = new Set<string>()
    const steps = await killAtEachStep(
      root,
      (url, step) => [url, "prune", lease.id, String(step)],
      async (copy) => {
        seen.add((await wholeVersions(copy.store)).join())
        const folder = await age(copy)
        const at = { objects: openFileStore(copy.url), project }
        await pruneState(at, { name, retention: { keepLast: 1 }, lease })
        expect(await wholeVersions(copy.store)).toEqual([3])
        expect(await readdir(folder)).toHaveLength(1)
        expect(await copy.store.put(name, bytes("four"), { base: 3, writer, lease })).toMatchObject({ version: 4 })
      },
    )
    expect(seen).toEqual(new Set(["1,2,3", "3"]))
    expect(steps).toBeGreaterThan(10)
  })

  test.each([
    ["an empty store", 0, ["", "1"]],
    ["an older copy", 1, ["1", "1,2"]],
  ])("push to %s has copied all versions, or none, and what is named is whole", async (_, before, outcomes) => {
    const [from, to] = [await place(before), await place(0)]
    const lease = await hold(to.store)
    const push = ({ url }: Pick<Place, "url">) =>
      copyProject({ from: openFileStore(from.url), to: openFileStore(url), project, hold: (_, act) => act(lease) })
    if (before > 0) await push(to)
    await from.store.put(name, bytes(texts[before] ?? ""), { base: "current", writer })

    const seen = new Set<string>()
    const steps = await killAtEachStep(
      to.root,
      (url, step) => [url, "push", lease.id, String(step), from.url],
      async (copy) => {
        seen.add((await wholeVersions(copy.store)).join())
        await push(copy)
        expect(await copy.store.history(name)).toEqual(await from.store.history(name))
        expect((await wholeVersions(copy.store)).join()).toBe(outcomes[1])
        const folder = await age(copy)
        await pruneState({ objects: openFileStore(copy.url), project }, { name, retention: { keepLast: 9 }, lease })
        expect(await readdir(folder)).toHaveLength(before + 1)
      },
    )
    expect(seen).toEqual(new Set(outcomes))
    expect(steps).toBeGreaterThan(20)
  })
})
