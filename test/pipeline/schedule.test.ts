import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pathToFileURL } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"
import { claimDue, dueJobs } from "../../src/pipeline/schedule.ts"
import type { Job } from "../../src/pipeline/tree.ts"
import { openStore } from "../../src/state/open.ts"
import type { StateStore } from "../../src/state/store.ts"

let folder: string
let store: StateStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-schedule-"))
  store = await openStore(pathToFileURL(folder).href, { site: "s", owner: "o", name: "n" })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const writer = { by: "test" }
const nightly: Job = { kind: "onSchedule", name: "nightly", when: { hour: 2 } }
const due = (time: string, jobs: readonly Job[] = [nightly]) => dueJobs(jobs, { store, now: new Date(time) })

it("a job is due once for each of its moments, and the last one stands for those that were missed", async () => {
  const [first] = await due("2026-01-01T02:10:00Z")
  expect(first).toMatchObject({ job: nightly, moment: new Date("2026-01-01T02:00:00Z"), base: "absent" })
  if (first === undefined) throw new Error("not due")
  expect(await claimDue(first, { store, writer })).toBe(true)
  expect(await due("2026-01-01T02:20:00Z")).toEqual([])
  expect(await due("2026-01-05T01:00:00Z")).toMatchObject([{ moment: new Date("2026-01-04T02:00:00Z"), base: 1 }])
})

it("a job that never ran is not due for a moment long ago", async () => {
  expect(await due("2026-01-01T12:00:00Z")).toEqual([])
  expect(await due("2026-01-01T02:59:59Z")).toHaveLength(1)
})

it("one of two runs takes the moment", async () => {
  const [first] = await due("2026-01-01T02:10:00Z")
  const [second] = await due("2026-01-01T02:10:00Z")
  if (first === undefined || second === undefined) throw new Error("not due")
  const taken = await Promise.all([claimDue(first, { store, writer }), claimDue(second, { store, writer })])
  expect(taken.toSorted()).toEqual([false, true])
})

it("says that the record is not readable", async () => {
  const content = Readable.from([Buffer.from("{}")])
  await store.put("alcides.schedule.nightly.json", content, { base: "absent", writer })
  await expect(due("2026-01-01T02:10:00Z")).rejects.toMatchObject({
    code: "schedule-record-invalid",
    exit: 2,
    message: expect.stringContaining("alcides.schedule.nightly.json is not the record of a scheduled job"),
  })
})
