import { describe, expect, it } from "vitest"
import { applyCopy, planCopy } from "../../../src/state/history/copy-plan.ts"
import { pinVersion, pruneVersions } from "../../../src/state/history/retention.ts"
import * as rules from "../../../src/state/records/state-record.ts"
import type { StateRecord } from "../../../src/state/records/state-record.ts"
import { day, numbersOf, putAt, recordOf, writeAt } from "../support/state-records.ts"

const at = "file:///backup"
const empty = rules.emptyStateRecord("a.json")
const prune = (record: StateRecord, keepLast: number): StateRecord =>
  pruneVersions(record, { keepLast, now: 99 * day }).record

/** The target after everything missing was copied, under names of its own. */
function copy(source: StateRecord, target: StateRecord): StateRecord {
  const plan = planCopy({ source, target, at })
  const copied = new Map(
    plan.missing.flatMap(({ blob, size, sha256 }) =>
      blob === undefined ? [] : [[blob, { blob: `copy of ${blob}`, size, sha256 }]],
    ),
  )
  return applyCopy(target, { plan, copied })
}

function problem(source: StateRecord, target: StateRecord): unknown {
  try {
    return planCopy({ source, target, at })
  } catch (error) {
    return error
  }
}

describe("a copy", () => {
  it("has everything of the source but the names of contents", () => {
    const source = pinVersion(
      rules.deleteVersion(rules.rollBackVersion(recordOf(1, 2), { ...writeAt(3), to: 1 }), writeAt(4)),
      {
        version: 2,
        pin: { by: "bob", at: "2026-11-21T00:00:00.000Z" },
      },
    )
    const target = copy(source, empty)
    expect(target.versions).toEqual(
      source.versions.map((version) =>
        version.blob === undefined ? version : { ...version, blob: `copy of ${version.blob}` },
      ),
    )
    expect(planCopy({ source, target, at })).toMatchObject({ missing: [], isDone: true })
  })

  it("takes what is new, and names what the target has already by its name there", () => {
    const before = recordOf(1, 2)
    const target = copy(before, empty)
    const source = rules.rollBackVersion(putAt(before, 3 * day), { ...writeAt(4 * day), to: 2 })
    const plan = planCopy({ source, target, at })
    expect(numbersOf(plan.missing)).toEqual([3, 4])
    const copied = new Map([[source.versions[2]?.blob ?? "", { blob: "third", size: 1, sha256: "of the third" }]])
    expect(applyCopy(target, { plan, copied }).versions.slice(2)).toMatchObject([
      { version: 3, blob: "third", sha256: "of the third" },
      { version: 4, rollbackOf: 2, blob: target.versions[1]?.blob },
    ])
    expect(() => applyCopy(target, { plan, copied: new Map() })).toThrow("the content of version 3 was not copied")
  })

  it("keeps what the source has pruned, and does not bring back what the target has", () => {
    const source = recordOf(1, 2, 3, 4)
    const backup = copy(source, empty)
    expect(numbersOf(copy(putAt(prune(source, 1), 5 * day), backup).versions)).toEqual([1, 2, 3, 4, 5])
    expect(numbersOf(copy(putAt(source, 5 * day), prune(backup, 1)).versions)).toEqual([4, 5])
    expect(numbersOf(copy(prune(source, 2), empty).versions)).toEqual([3, 4])
  })

  it("brings pins along, and takes none away", () => {
    const pin = { by: "bob", at: "2026-11-21T00:00:00.000Z" }
    const source = recordOf(1, 2)
    const backup = copy(source, empty)
    const pinnedThere = pinVersion(backup, { version: 1, pin })
    const plan = planCopy({ source: pinVersion(source, { version: 2, pin }), target: pinnedThere, at })
    expect(plan).toMatchObject({ missing: [], isDone: false })
    expect(applyCopy(pinnedThere, { plan, copied: new Map() }).versions).toMatchObject([
      { pinned: pin },
      { pinned: pin },
    ])
    const other = { ...pin, by: "carol" }
    const both = planCopy({ source: pinVersion(source, { version: 1, pin: other }), target: pinnedThere, at })
    expect(both).toMatchObject({ kept: [{ pinned: pin }, {}], isDone: true })
  })

  it("leaves a content that was encrypted anew on one side as it is on the other", () => {
    const source = recordOf(1, 2)
    const backup = copy(source, empty)
    const [first, ...rest] = source.versions
    if (first === undefined) throw new Error("no version")
    const anew = { ...first, blob: "new", sha256: "new", encrypted: { recipients: ["age1…"] } }
    const rekeyed = { ...source, versions: [anew, ...rest] }
    expect(planCopy({ source: rekeyed, target: backup, at })).toMatchObject({ missing: [], isDone: true })
    // Its content there is another, so it cannot stand for the new one.
    const rolled = rules.rollBackVersion(rekeyed, { ...writeAt(3 * day), to: 1 })
    expect(planCopy({ source: rolled, target: backup, at }).known.has("new")).toBe(false)
    expect(problem({ ...source, versions: [{ ...first, sha256: "other" }, ...rest] }, backup)).toMatchObject({
      code: "state-diverged",
    })
  })
})

describe("a target that is no earlier state of the source", () => {
  const common = recordOf(1, 2)

  it.each<readonly [string, StateRecord, StateRecord, string]>([
    [
      "has gone on",
      common,
      putAt(copy(common, empty), 3 * day),
      '"a.json" at file:///backup has version 3, by alice at 1970-01-04T00:00:00.000Z, which the source does not have',
    ],
    [
      "has gone on elsewhere",
      putAt(common, 3 * day),
      putAt(copy(common, empty), 4 * day),
      '"a.json" at file:///backup has another version 3 than the source, by alice at 1970-01-05T00:00:00.000Z',
    ],
    [
      "was written apart",
      recordOf(1, 2, 3),
      recordOf(1),
      '"a.json" at file:///backup has another version 1 than the source, by alice at 1970-01-02T00:00:00.000Z',
    ],
    [
      "cannot be told from one",
      prune(recordOf(1, 2, 3, 4), 1),
      recordOf(1, 2),
      '"a.json" at file:///backup ends with version 2, which the source has pruned: whether they are the same cannot be told',
    ],
  ])("is refused when it %s", (_, source, target, message) => {
    expect(problem(source, target)).toMatchObject({
      code: "state-diverged",
      exit: 1,
      message,
      hint: expect.stringContaining("nothing of it was changed"),
    })
  })
})
