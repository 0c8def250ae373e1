import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseRecord } from "../../../src/state/records/records.ts"
import {
  currentVersion,
  deleteVersion,
  emptyStateRecord,
  fence,
  landed,
  publicVersion,
  putVersion,
  rollBackVersion,
  stateRecordSchema,
  type StateRecord,
} from "../../../src/state/records/state-record.ts"
import type { Lease } from "../../../src/state/store.ts"

type Op =
  | { readonly kind: "put"; readonly base: number | "absent" | "current"; readonly blob: string }
  | { readonly kind: "rollback"; readonly to: number }
  | { readonly kind: "delete" }
  | { readonly kind: "fence"; readonly lock: string; readonly token: number; readonly exclusive: boolean }

const small = fc.nat({ max: 8 })
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    base: fc.oneof(small, fc.constantFrom("absent" as const, "current" as const)),
    blob: fc.string({ minLength: 1 }),
  }),
  fc.record({ kind: fc.constant("rollback" as const), to: small }),
  fc.constant({ kind: "delete" as const }),
  fc.record({
    kind: fc.constant("fence" as const),
    lock: fc.constantFrom("a", "b", "__proto__"),
    token: small,
    exclusive: fc.boolean(),
  }),
)

const lease = ({ lock, token, exclusive }: Pick<Lease, "lock" | "token" | "exclusive">): Lease => ({
  id: "lease",
  lock,
  token,
  exclusive,
  description: "",
  holder: { by: "x" },
  acquired: "",
  expires: "",
})

function apply(record: StateRecord, op: Op, index: number): StateRecord {
  const write = { id: `id-${index}`, writer: { by: "x" }, message: undefined, now: index * 1000 }
  switch (op.kind) {
    case "put":
      return putVersion(record, { ...write, base: op.base, content: { blob: op.blob, size: 1, sha256: "00" } })
    case "rollback":
      return rollBackVersion(record, { ...write, to: op.to })
    case "delete":
      return deleteVersion(record, write)
    case "fence":
      return fence(record, lease(op))
  }
}

function* histories(
  ops: readonly Op[],
): Generator<{ before: StateRecord; after: StateRecord | undefined; op: Op; index: number }> {
  let record = emptyStateRecord("a.json")
  for (const [index, op] of ops.entries()) {
    const before = record
    let after: StateRecord | undefined
    try {
      after = apply(record, op, index)
      record = after
    } catch {
      after = undefined
    }
    yield { before, after, op, index }
  }
}

describe("whatever is written to a state file", () => {
  const ops = fc.array(op, { maxLength: 40 })

  test("no version is ever changed or lost, and they count 1, 2, 3", () => {
    fc.assert(
      fc.property(ops, (ops) => {
        for (const { before, after } of histories(ops)) {
          if (after === undefined) continue
          expect(after.versions.slice(0, before.versions.length)).toEqual(before.versions)
          expect(after.versions.map(({ version }) => version)).toEqual(after.versions.map((_, index) => index + 1))
        }
      }),
    )
  })

  test("a put goes through exactly when its base is current", () => {
    fc.assert(
      fc.property(ops, (ops) => {
        for (const { before, after, op, index } of histories(ops)) {
          if (op.kind !== "put") continue
          const current = currentVersion(before)?.version ?? "absent"
          expect(after !== undefined).toBe(op.base === "current" || op.base === current)
          if (after !== undefined) expect(landed(after, `id-${index}`)).toEqual(currentVersion(after))
        }
      }),
    )
  })

  test("a rollback repeats the content, a delete has none", () => {
    fc.assert(
      fc.property(ops, (ops) => {
        for (const { before, after, op } of histories(ops)) {
          const target = op.kind === "rollback" ? before.versions[op.to - 1] : undefined
          if (op.kind === "rollback") expect(after !== undefined).toBe(target?.blob !== undefined)
          if (after === undefined) continue
          if (op.kind === "rollback")
            expect(currentVersion(after)).toMatchObject({ blob: target?.blob, rollbackOf: op.to })
          if (op.kind === "delete") expect(currentVersion(after)).toBeUndefined()
        }
      }),
    )
  })

  test("fences only grow, and stop every older lease", () => {
    fc.assert(
      fc.property(ops, (ops) => {
        for (const { before, after, op } of histories(ops)) {
          const tokenOf = (record: StateRecord, lock: string) =>
            record.fences.find((one) => one.lock === lock)?.token ?? -1
          if (op.kind === "fence") expect(after === undefined).toBe(tokenOf(before, op.lock) > op.token)
          if (after === undefined) continue
          for (const { lock, token } of before.fences) expect(tokenOf(after, lock)).toBeGreaterThanOrEqual(token)
          if (op.kind === "fence" && op.exclusive) expect(tokenOf(after, op.lock)).toBe(op.token)
          expect(after.fences.length).toBe(new Set(after.fences.map(({ lock }) => lock)).size)
        }
      }),
    )
  })

  test("the record can be written and read again, and shows nothing of where it lies", () => {
    fc.assert(
      fc.property(ops, (ops) => {
        for (const { before } of histories(ops)) {
          expect(parseRecord({ text: JSON.stringify(before), schema: stateRecordSchema, where: "here" })).toEqual(
            before,
          )
          for (const version of before.versions) expect(Object.keys(publicVersion(version))).not.toContain("blob")
        }
      }),
    )
  })
})

test("a conflict names who wrote, when and in which run", () => {
  const write = { id: "1", writer: { by: "bob@ci", runUrl: "https://ci.example/7" }, message: undefined, now: 0 }
  const record = putVersion(emptyStateRecord("a.json"), {
    ...write,
    base: "absent",
    content: { blob: "b", size: 1, sha256: "00" },
  })
  expect(() => putVersion(record, { ...write, base: "absent", content: { blob: "c", size: 1, sha256: "00" } })).toThrow(
    '"a.json" was expected absent, but is at version 1; bob@ci wrote that at 1970-01-01T00:00:00.000Z in https://ci.example/7',
  )
  expect(() =>
    putVersion(emptyStateRecord("a.json"), { ...write, base: 3, content: { blob: "c", size: 1, sha256: "00" } }),
  ).toThrow('"a.json" was expected at version 3, but is absent')
})
