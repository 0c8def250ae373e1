import { cp, readdir, rm, utimes } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, onTestFinished } from "vitest"
import { openFileStore } from "../../../src/state/drivers/file.ts"
import { stateKeys } from "../../../src/state/keys.ts"
import { stateLock } from "../../../src/state/names.ts"
import { createStateStore } from "../../../src/state/object-state-store.ts"
import type { Lease, StateStore } from "../../../src/state/store.ts"
import { project } from "../contract.ts"
import { bytes, textOf } from "./content.ts"
import { fileStorage } from "./file-storage.ts"
import type { Program } from "./program.ts"

export const name = "a.json"
export const writer = { by: "parent" }
export const texts = ["one", "two", "three"]

export type Place = { readonly root: string; readonly url: string; readonly store: StateStore }

/** A store with so many of the texts in it. */
export async function place(versions: number): Promise<Place> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  const store = createStateStore({ objects: openFileStore(url), project })
  for (const text of texts.slice(0, versions)) await store.put(name, bytes(text), { base: "current", writer })
  return { root, url, store }
}

export async function hold(store: StateStore): Promise<Lease> {
  const request = { lock: stateLock(name), exclusive: true, description: "", holder: writer, ttl: 300 }
  const answer = await store.acquire({ ...request, idempotencyKey: "parent", queue: false })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

/** Runs the operation on copies of the store, killed before its first step, its second, and so on to its end. */
export async function killAtEachStep({
  program,
  root,
  args,
  check,
}: {
  readonly program: Program
  readonly root: string
  readonly args: (url: string, step: number) => readonly string[]
  readonly check: (copy: Place) => Promise<void>
}): Promise<number> {
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
export async function wholeVersions(store: StateStore): Promise<readonly number[]> {
  const numbers = ((await store.history(name)) ?? []).map(({ version }) => version).toSorted((a, b) => a - b)
  for (const version of numbers) {
    const found = await store.get(name, { version })
    expect(await textOf(found?.content ?? bytes("absent"))).toBe(texts[version - 1])
  }
  return numbers
}

/** Makes everything in the folder of contents old enough to be taken for left behind. */
export async function age({ root }: Place): Promise<string> {
  const folder = join(root, ...stateKeys(project, name).blobs.split("/"))
  const longAgo = new Date(Date.now() - 25 * 3600_000)
  for (const blob of await readdir(folder)) await utimes(join(folder, blob), longAgo, longAgo)
  return folder
}
