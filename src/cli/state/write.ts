import { AlcidesError } from "../../errors.ts"
import { createLog } from "../../log.ts"
import { surroundingLease } from "../../state/locks/surrounding-lease.ts"
import { stateLock } from "../../state/names.ts"
import type { Lease, LeaseId, StateStore, StateVersion, Writer } from "../../state/store.ts"
import type { Io } from "../io.ts"
import { tellWaiting } from "../lock/waiting.ts"
import { formatSize } from "../size.ts"
import { currentWriter } from "../writer.ts"

export type Write = {
  readonly store: StateStore
  readonly name: string
  /** For those who wait meanwhile. */
  readonly description: string
  readonly wait: boolean
  /** Who writes, when it was asked already. */
  readonly writer?: Promise<Writer>
  /** Whether the lease of the program around us is one of this store's, when `ALCIDES_LOCK_STORE` does not tell. Default: true. */
  readonly isNested?: boolean
}

/**
 * Writes a version at once while nobody holds the state file's lock, and under the lock of the program around us; else waits for its
 * turn, and writes under the state file's lock. The store refuses a write that may not be before it reads any content.
 */
export async function writeVersion(
  io: Io,
  write: Write,
  act: (options: {
    readonly writer: Writer
    readonly lease?: LeaseId
    readonly wait?: boolean
  }) => Promise<StateVersion>,
): Promise<StateVersion> {
  const writer = await (write.writer ?? currentWriter(io, write.store.project))
  const parent = surroundingLease(io.env, write)
  try {
    return await act({ writer, wait: write.wait, ...(parent !== undefined && { lease: { id: parent } }) })
  } catch (error) {
    if (!(error instanceof AlcidesError) || error.code !== "state-locked") throw error
    return writeUnderLease(io, write, act)
  }
}

/** Holds the state file's lock for the time of one write. */
export async function writeUnderLease<T>(
  io: Io,
  { store, name, description, wait, writer: asked, isNested = true }: Write,
  write: (options: { readonly writer: Writer; readonly lease: Lease }) => Promise<T>,
): Promise<T> {
  const writer = await (asked ?? currentWriter(io, store.project))
  const parent = surroundingLease(io.env, { store, isNested })
  const lock = stateLock(name)
  const log = createLog({ stream: io.stderr, redact: (line) => line })
  const { holdLease } = await import("../../state/locks/lease.ts")
  const held = await holdLease(
    store,
    { lock, exclusive: true, description, holder: writer, ...(parent !== undefined && { parent }) },
    { wait, log, signal: io.signal, onWaiting: tellWaiting(io, lock) },
  )
  try {
    return await write({ writer, lease: held.lease })
  } finally {
    await held.release()
  }
}

/** Says what was written: a line for people, or with `--json` the version as an object. */
export function tellWritten(
  io: Io,
  {
    name,
    version,
    json,
  }: { readonly name: string; readonly version: StateVersion; readonly json: boolean | undefined },
): void {
  const { version: number, size, sha256, rollbackOf, deleted } = version
  const content = deleted === true ? "deleted" : `${formatSize(size)}, sha256 ${sha256}`
  const origin = rollbackOf === undefined ? "" : `, the content of version ${rollbackOf}`
  if (json === true) io.stdout.write(`${JSON.stringify({ name, ...version }, undefined, 2)}\n`)
  else io.stderr.write(`state ${name}: version ${number}, ${content}${origin}\n`)
}
