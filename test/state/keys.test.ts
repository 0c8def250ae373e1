import * as fc from "fast-check"
import { expect, test } from "vitest"
import { encodeSegment, lockKey, lockKeyOfLease, newLeaseId, stateKeys } from "../../src/state/keys.ts"

const project = { site: "github", owner: "neat-org", name: "neat-repo" }
const part = fc.string({ minLength: 1, unit: "grapheme" })

test("a segment is a safe file name, and no two names share one, whatever the file system makes of case", () => {
  fc.assert(
    fc.property(part, part, (a, b) => {
      expect(encodeSegment(a)).toMatch(/^[a-z0-9_%-][a-z0-9_%.-]{0,159}$/)
      if (a !== b) expect(encodeSegment(a).toUpperCase()).not.toBe(encodeSegment(b).toUpperCase())
    }),
  )
})

test("long names stay apart though they begin alike", () => {
  const [a, b] = [`${"ü".repeat(99)}a`, `${"ü".repeat(99)}b`]
  expect(encodeSegment(a).length).toBeLessThanOrEqual(160)
  expect(encodeSegment(a)).not.toBe(encodeSegment(b))
})

test("plain names stay readable", () => {
  expect(stateKeys(project, "nixops-foo.json")).toEqual({
    head: "projects/github/neat-org/neat-repo/state/nixops-foo.json/head",
    blobs: "projects/github/neat-org/neat-repo/state/nixops-foo.json/blobs",
  })
})

test("a lease id is a UUID that leads to its lock, and to no other", () => {
  fc.assert(
    fc.property(part, part, (lock, other) => {
      const id = newLeaseId(project, lock)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(newLeaseId(project, lock)).not.toBe(id)
      expect(lockKeyOfLease(id)).toBe(lockKey(project, lock))
      expect(lockKeyOfLease(id.toUpperCase())).toBe(lockKey(project, lock))
      if (lock !== other) expect(lockKey(project, other)).not.toBe(lockKey(project, lock))
    }),
  )
})

test.each(["", "production", "0b8b2c1e-1111-4111-8111-111111111111", "not-a-uuid"])("no lease has the id %j", (id) => {
  expect(lockKeyOfLease(id)).toBeUndefined()
})
