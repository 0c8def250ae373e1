import { readdir, utimes } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished } from "vitest"
import { stateKeys } from "../../../src/state/keys.ts"
import { stateLock } from "../../../src/state/names.ts"
import { openObjects } from "../../../src/state/open.ts"
import type { ObjectStore } from "../../../src/state/objects.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "./content.ts"
import type { Program } from "./program.ts"
import type { ProgramStorage } from "./storage.ts"

export const name = "a.json"
export const writer = { by: "parent" }
export const texts = ["one", "two", "three"]

export type Place = { readonly storage: ProgramStorage; readonly objects: ObjectStore; readonly store: StateStore }

async function placeOf(storage: ProgramStorage): Promise<Place> {
  const { url, env } = storage
  return { storage, objects: await openObjects(url, { env }), store: await storage.open(project) }
}

/** A storage with so many of the texts in it. */
export async function place(make: () => Promise<ProgramStorage>, versions: number): Promise<Place> {
  const storage = await make()
  onTestFinished(storage.remove)
  const made = await placeOf(storage)
  for (const text of texts.slice(0, versions)) await made.store.put(name, bytes(text), { base: "current", writer })
  return made
}

export async function hold(store: StateStore): Promise<Lease> {
  const request = { lock: stateLock(name), exclusive: true, description: "", holder: writer, ttl: 300 }
  const answer = await store.acquire({ ...request, idempotencyKey: "parent", queue: false })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

/** Runs the operation on copies of the storage, killed before its first step, its second, and so on to its end. */
export async function killAtEachStep({
  program,
  storage,
  args,
  check,
}: {
  readonly program: Program
  readonly storage: ProgramStorage
  readonly args: (step: number) => readonly string[] | Promise<readonly string[]>
  readonly check: (copy: Place, step: number) => Promise<void>
}): Promise<number> {
  const killAt = async (step: number): Promise<boolean> => {
    const copy = await storage.copy()
    const [operation = "", lease = "", ...more] = await args(step)
    const { signal, lines } = await program.start([copy.url, operation, lease, String(step), ...more], copy.env).ended
    expect(signal === "SIGKILL" || lines.includes("done"), lines.join()).toBe(true)
    await check(await placeOf(copy), step)
    await copy.remove()
    return signal === "SIGKILL"
  }
  for (let step = 1; ; step += 2) {
    const killed = await Promise.all([killAt(step), killAt(step + 1)])
    if (!killed.every(Boolean)) return step + killed.indexOf(false)
  }
}

/** The versions that the store names, whole: their content is the one they were put with. */
export async function wholeVersions(store: StateStore): Promise<readonly number[]> {
  const numbers = ((await store.history(name)) ?? []).map(({ version }) => version).toSorted((a, b) => a - b)
  for (const version of numbers) {
    const found = await store.get(name, { version })
    expect(await textOf(found?.content ?? bytes("absent"))).toBe(texts[version - 1])
  }
  return numbers
}

/** How many contents the storage has. */
export async function contentsIn({ objects }: Place): Promise<number> {
  return (await objects.blobs(stateKeys(project, name).blobs)).length
}

/** Makes all contents old enough to be taken for left behind, where time can be turned: not on a server. */
export async function makeOld({ url }: ProgramStorage): Promise<boolean> {
  if (!url.startsWith("file:")) return false
  const folder = join(fileURLToPath(url), ...stateKeys(project, name).blobs.split("/"))
  const longAgo = new Date(Date.now() - 25 * 3600_000)
  for (const blob of await readdir(folder)) await utimes(join(folder, blob), longAgo, longAgo)
  return true
}
