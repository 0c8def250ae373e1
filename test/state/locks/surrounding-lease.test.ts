import { expect, test } from "vitest"
import { leaseVariables, surroundingLease } from "../../../src/state/locks/surrounding-lease.ts"

const id = "f8fb7ffd-f00f-84ed-847e-0a9df3bbf4ae"
const other = "11111111-1111-8111-8111-111111111111"
const store = { url: "s3://neat-state/fleet" }

test("what a program is told is what it reads", () => {
  const env = leaseVariables({ id }, store)
  expect(env).toEqual({ ALCIDES_LOCK_LEASE_ID: id, HERCULES_CI_LOCK_LEASE_ID: id, ALCIDES_LOCK_STORE: store.url })
  expect(surroundingLease(env, { store })).toBe(id)
  expect(surroundingLease(env, { store, isNested: false })).toBe(id)
})

test("a lease of another store is none in this one", () => {
  const env = leaseVariables({ id }, store)
  expect(surroundingLease(env, { store: { url: "s3://neat-state" } })).toBeUndefined()
  expect(surroundingLease({ ...env, ALCIDES_LOCK_LEASE_ID: "x" }, { store: { url: "file:///x" } })).toBeUndefined()
})

test("a store that must be there already is no other store", () => {
  const [plain, strict] = [{ url: "file:///srv/state" }, { url: "file:///srv/state?create=never" }]
  expect(surroundingLease(leaseVariables({ id }, plain), { store: strict })).toBe(id)
  expect(surroundingLease(leaseVariables({ id }, strict), { store: plain })).toBe(id)
})

test("one whose store is not told is one of the usual store's", () => {
  for (const ALCIDES_LOCK_STORE of [undefined, ""]) {
    const env = { ALCIDES_LOCK_LEASE_ID: id.toUpperCase(), HERCULES_CI_LOCK_LEASE_ID: other, ALCIDES_LOCK_STORE }
    expect(surroundingLease(env, { store })).toBe(id)
    expect(surroundingLease({ ...env, ALCIDES_LOCK_LEASE_ID: "" }, { store })).toBe(other)
    expect(surroundingLease(env, { store, isNested: false })).toBeUndefined()
  }
  expect(surroundingLease({}, { store })).toBeUndefined()
})

test("what is no lease id is told by its variable", () => {
  expect(() => surroundingLease({ HERCULES_CI_LOCK_LEASE_ID: "x" }, { store })).toThrow(
    'HERCULES_CI_LOCK_LEASE_ID is no lease id: "x"',
  )
})
