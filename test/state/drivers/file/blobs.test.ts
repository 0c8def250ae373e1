import { readdir, readlink, rm } from "node:fs/promises"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { openFileStore } from "../../../../src/state/drivers/file.ts"
import { pruneState } from "../../../../src/state/history/prune.ts"
import { stateLock } from "../../../../src/state/names.ts"
import { createStateStore } from "../../../../src/state/object-state-store.ts"
import type { Lease, StateRead, StateStore } from "../../../../src/state/store.ts"
import { project } from "../../contract.ts"
import { bytes, textOf } from "../../support/content.ts"
import { fileStorage } from "../../support/file-storage.ts"

const name = "a.json"
const writer = { by: "alice" }

type World = {
  readonly root: string
  /** Calls `act` once, at the next step of this name. */
  readonly at: (step: string, act: () => Promise<void>) => void
  readonly store: StateStore
  /** Adds a version, and removes those before it. */
  readonly supersede: (text: string) => Promise<void>
}

async function world(): Promise<World> {
  const { root, url, remove } = await fileStorage()
  onTestFinished(remove)
  const planned = new Map<string, () => Promise<void>>()
  const onStep = async (step: { readonly name: string }): Promise<void> => {
    const act = planned.get(step.name)
    planned.delete(step.name)
    await act?.()
  }
  const objects = openFileStore(url)
  const other = createStateStore({ objects, project })
  const lease = await hold(other)
  return {
    root,
    at: (step, act) => void planned.set(step, act),
    store: createStateStore({ objects: openFileStore(url, { onStep }), project }),
    async supersede(text) {
      await other.put(name, bytes(text, 65_536), { base: "current", writer, lease })
      await pruneState({ objects, project }, { name, retention: { keepLast: 1 }, lease })
    },
  }
}

async function hold(store: StateStore): Promise<Lease> {
  const asked = { lock: stateLock(name), exclusive: true, description: "prune", holder: writer, ttl: 60 }
  const answer = await store.acquire({ ...asked, idempotencyKey: "key", queue: false })
  if (answer.outcome !== "acquired") throw new Error("blocked")
  return answer.lease
}

async function readOf(read: Promise<StateRead | undefined>): Promise<readonly [number, string] | undefined> {
  const found = await read
  return found === undefined ? undefined : [found.version.version, await textOf(found.content)]
}

/** The contents below a folder that this process has open. */
async function openBelow(root: string): Promise<readonly string[]> {
  const files = await readdir("/proc/self/fd")
  const targets = await Promise.all(files.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")))
  return targets.filter((target) => target.startsWith(join(root, "projects")))
}

test.each(["stat blob", "open blob"])(
  "a read that a prune overtakes before %s gets what is there then",
  async (step) => {
    const { at, store, supersede } = await world()
    await supersede("one")
    at(step, () => supersede("two"))
    expect(await readOf(store.get(name))).toEqual([2, "two"])
    at(step, () => supersede("three"))
    expect(await readOf(store.get(name, { version: 2 }))).toBeUndefined()
  },
)

test("what was got before a prune is read to its end, and then nothing of it is open", async () => {
  const { root, store, supersede } = await world()
  const text = "one".repeat(200_000)
  await supersede(text)
  const [whole, begun] = [await store.get(name), await store.get(name)]
  await supersede("two")
  expect(await textOf(whole?.content ?? bytes(""))).toBe(text)
  for await (const _ of begun?.content ?? []) break
  expect(await openBelow(root)).toEqual([])
})

test("content that nobody reads is closed after a while, and opened again for who reads it then", async () => {
  const { root, store, supersede } = await world()
  await supersede("one")
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  onTestFinished(() => void vi.useRealTimers())
  const [read, lost] = [await store.get(name), await store.get(name)]
  vi.advanceTimersByTime(29_000)
  expect(await openBelow(root)).toHaveLength(2)
  vi.advanceTimersByTime(2_000)
  while ((await openBelow(root)).length > 0);
  expect(await textOf(read?.content ?? bytes(""))).toBe("one")
  await rm(join(root, "projects/github/neat-org/neat-repo/state", name, "blobs"), { recursive: true })
  await expect(textOf(lost?.content ?? bytes(""))).rejects.toMatchObject({
    code: "state-content-missing",
    exit: 1,
    message: expect.stringMatching(
      /^\/.*\/blobs\/1-.* was removed while it was read: it was pruned, or encrypted anew$/,
    ),
    hint: expect.stringContaining("read it again"),
  })
})
