import * as z from "zod/mini"
import { AlcidesError } from "../../errors.ts"
import { leaseLost } from "../failures.ts"
import { stateLock } from "../names.ts"
import type { Base, Lease, Pin, StateFileSummary, StateHistory, StateVersion, Writer } from "../store.ts"

const text = z.string()
const words = z.optional(text)
const count = z.int()

export const writerSchema = z.strictObject({ by: text, rev: words, runUrl: words })

const versionSchema = z.strictObject({
  version: count.check(z.positive()),
  /** Made anew for each write, so that a writer recognises its own. */
  id: text,
  created: text,
  size: count.check(z.nonnegative()),
  sha256: text,
  /** Where the content is; a deletion has none. */
  blob: words,
  writer: writerSchema,
  message: words,
  encrypted: z.optional(z.strictObject({ recipients: z.array(text) })),
  pinned: z.optional(z.strictObject({ by: text, at: text, reason: words })),
  rollbackOf: z.optional(count),
})

/** The head record of one state file: all its versions, oldest first; the last one is current. */
export const stateRecordSchema = z.strictObject({
  format: z.literal(1),
  name: text,
  /** The highest fencing token that has touched this file, for each lock; `free`: the holder is known to be gone. */
  fences: z.array(z.strictObject({ lock: text, token: count, free: z.optional(z.boolean()) })),
  versions: z.array(versionSchema),
})

export type StateRecord = z.output<typeof stateRecordSchema>
export type VersionRecord = StateRecord["versions"][number]

/** What a write brings along, whatever kind of write it is. */
export type Write = {
  readonly id: string
  readonly writer: Writer
  readonly message: string | undefined
  /** Milliseconds, by the store's clock. */
  readonly now: number
}

const sha256OfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/** A state file that nobody wrote to yet. */
export function emptyStateRecord(name: string): StateRecord {
  return { format: 1, name, fences: [], versions: [] }
}

/** The version that `get` answers with: none before the first put and after a delete. */
export function currentVersion(record: StateRecord | undefined): VersionRecord | undefined {
  const last = record?.versions.at(-1)
  return last?.blob === undefined ? undefined : last
}

/** The version that the write of this id made, when it is known to have landed. */
export function landed(record: StateRecord, id: string): VersionRecord | undefined {
  return record.versions.findLast((version) => version.id === id)
}

/** Where the content of a version is, and what of it is stored. */
export type StoredContent = Pick<VersionRecord, "size" | "sha256" | "encrypted"> & { readonly blob: string }

/** Adds a version on top of `base`. Throws `state-conflict`. */
export function putVersion(
  record: StateRecord,
  {
    base,
    content,
    ...write
  }: Write & {
    readonly base: Base
    readonly content: StoredContent
  },
): StateRecord {
  assertBase(record, base)
  return append(record, { ...write, ...content })
}

/** Throws `state-conflict` when a write on top of `base` would overwrite what its writer has not seen. */
export function assertBase(record: StateRecord, base: Base): void {
  if (base !== "current" && base !== (currentVersion(record)?.version ?? "absent")) throw conflict({ record, base })
}

/** Adds a version with the content of an old one. Throws `state-absent` or `state-version-absent`. */
export function rollBackVersion(record: StateRecord, { to, ...write }: Write & { readonly to: number }): StateRecord {
  if (record.versions.length === 0) throw stateAbsent(record.name)
  const target = record.versions.find(({ version }) => version === to)
  if (target?.blob === undefined) throw versionAbsent(record, to)
  const { size, sha256, blob, encrypted } = target
  return append(record, { ...write, size, sha256, blob, ...(encrypted !== undefined && { encrypted }), rollbackOf: to })
}

/** Adds a version that says "absent" on top of `base`. Throws `state-absent` or `state-conflict`. */
export function deleteVersion(
  record: StateRecord,
  { base = "current", ...write }: Write & { readonly base?: Base },
): StateRecord {
  if (currentVersion(record) === undefined) throw stateAbsent(record.name)
  assertBase(record, base)
  return append(record, { ...write, size: 0, sha256: sha256OfNothing })
}

/** Remembers that an exclusive lease has touched this file: from now on an older one cannot write. Throws `lease-lost`. */
export function fence(record: StateRecord, lease: Lease): StateRecord {
  const seen = record.fences.find(({ lock }) => lock === lease.lock)
  if (seen !== undefined && seen.token > lease.token) {
    throw leaseLost({
      lease: lease.id,
      why: `a later holder of ${JSON.stringify(lease.lock)} has read or written ${JSON.stringify(record.name)} since`,
    })
  }
  if (!lease.exclusive || (seen?.token === lease.token && seen.free !== true)) return record
  const others = record.fences.filter(({ lock }) => lock !== lease.lock)
  return { ...record, fences: [...others, { lock: lease.lock, token: lease.token }] }
}

/** Whether somebody may hold the state file's own lock. Who acquires it says so here before using it. */
export function isGuarded({ name, fences }: StateRecord): boolean {
  return fences.some(({ lock, free }) => lock === stateLock(name) && free !== true)
}

/** Remembers that nobody holds the state file's own lock any more, so that the next writer need not look. */
export function unguard(record: StateRecord): StateRecord {
  const lock = stateLock(record.name)
  return { ...record, fences: record.fences.map((fence) => (fence.lock === lock ? { ...fence, free: true } : fence)) }
}

type NewVersion = Write &
  Pick<VersionRecord, "size" | "sha256" | "encrypted"> & { readonly blob?: string; readonly rollbackOf?: number }

function append(record: StateRecord, { now, writer, message, ...rest }: NewVersion): StateRecord {
  const version = (record.versions.at(-1)?.version ?? 0) + 1
  const created = new Date(now).toISOString()
  const next = { ...rest, version, created, writer: { ...writer }, ...(message !== undefined && { message }) }
  return { ...record, versions: [...record.versions, next] }
}

/** A version as people and programs see it, without where it lies. */
export function publicVersion({
  version,
  created,
  size,
  sha256,
  blob,
  writer,
  message,
  encrypted,
  pinned,
  rollbackOf,
}: VersionRecord): StateVersion {
  return {
    version,
    created,
    size,
    sha256,
    writer: publicWriter(writer),
    ...(message !== undefined && { message }),
    ...(encrypted !== undefined && { encrypted }),
    ...(pinned !== undefined && { pinned: publicPin(pinned) }),
    ...(rollbackOf !== undefined && { rollbackOf }),
    ...(blob === undefined && { deleted: true }),
  }
}

/** A state file as people and programs see it. */
export function publicHistory({ name, versions }: StateRecord): StateHistory {
  return { name, versions: versions.map(publicVersion).toReversed() }
}

/** What a list says of a state file: nothing when it is absent now. */
export function summaryOf(record: StateRecord): readonly StateFileSummary[] {
  const current = currentVersion(record)
  if (current === undefined) return []
  return [{ name: record.name, current: publicVersion(current), versions: record.versions.length }]
}

function publicPin({ by, at, reason }: NonNullable<VersionRecord["pinned"]>): Pin {
  return { by, at, ...(reason !== undefined && { reason }) }
}

/** Leaves fields out instead of naming them `undefined`. */
export function publicWriter({ by, rev, runUrl }: z.output<typeof writerSchema>): Writer {
  return { by, ...(rev !== undefined && { rev }), ...(runUrl !== undefined && { runUrl }) }
}

function conflict({ record, base }: { readonly record: StateRecord; readonly base: number | "absent" }): AlcidesError {
  const name = JSON.stringify(record.name)
  const last = record.versions.at(-1)
  const now =
    last === undefined
      ? "absent"
      : last.blob === undefined
        ? `deleted (as version ${last.version})`
        : `at version ${last.version}`
  const who =
    last === undefined
      ? ""
      : `; ${last.writer.by} wrote that at ${last.created}${last.writer.runUrl === undefined ? "" : ` in ${last.writer.runUrl}`}`
  return new AlcidesError({
    code: "state-conflict",
    message: `${name} was expected ${base === "absent" ? "absent" : `at version ${base}`}, but is ${now}${who}`,
    hint: "nothing was overwritten; get the current version, apply your change to it, and put that",
  })
}

/** There is no such state file now. */
export function stateAbsent(name: string): AlcidesError {
  return new AlcidesError({
    code: "state-absent",
    message: `there is no state file ${JSON.stringify(name)}`,
    hint: "`alcides state list` shows the names, `alcides state history` what was deleted",
  })
}

/** There is no such version, or it is a deletion, or it was pruned. */
export function versionAbsent(record: StateRecord, version: number): AlcidesError {
  const kept = record.versions.filter(({ blob }) => blob !== undefined).map(({ version }) => version)
  const name = JSON.stringify(record.name)
  return new AlcidesError({
    code: "state-version-absent",
    message: isPruned(record.versions, version)
      ? `version ${version} of ${name} was pruned`
      : `${name} has no version ${version} with content`,
    hint: `it has ${kept.length === 0 ? "none" : kept.slice(-10).join(", ")}; see \`alcides state history\``,
  })
}

/** Whether there was such a version, and retention took it out: numbers are given one after the other and never again. */
export function isPruned(versions: readonly Pick<StateVersion, "version">[], version: number): boolean {
  return versions.some((other) => other.version > version) && !versions.some((other) => other.version === version)
}
