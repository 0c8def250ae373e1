import { randomUUID } from "node:crypto"
import * as rules from "../../../src/state/records/state-record.ts"
import type { StateRecord, Write } from "../../../src/state/records/state-record.ts"

/** Milliseconds in a day. */
export const day = 24 * 3600_000

export const writeAt = (now: number): Write => ({ id: randomUUID(), writer: { by: "alice" }, message: undefined, now })

/** A put of some content that nothing else has, at this time. */
export function putAt(record: StateRecord, now: number): StateRecord {
  const blob = `${(record.versions.at(-1)?.version ?? 0) + 1}-${randomUUID()}`
  return rules.putVersion(record, { ...writeAt(now), base: "current", content: { blob, size: 10, sha256: blob } })
}

/** A state file with versions put at these days. */
export function recordOf(...days: readonly number[]): StateRecord {
  return days.reduce((record, at) => putAt(record, at * day), rules.emptyStateRecord("a.json"))
}

export function numbersOf(versions: readonly { readonly version: number }[]): readonly number[] {
  return versions.map(({ version }) => version)
}
