import * as rules from "../../records/state-record.ts"
import type { StateRecord, VersionRecord } from "../../records/state-record.ts"
import type { Base, LeaseId, StateVersion, Writer } from "../../store.ts"
import { guardWrite, type WriteGuard } from "./guard.ts"
import type { HerculesClient } from "./http.ts"
import { recordIn } from "./listing.ts"
import type { HerculesLocks } from "./locks.ts"
import { isContentOf } from "./own.ts"
import { leaseLostMeanwhile, putUnconfirmed, raced } from "./races.ts"
import { spool, type Spool } from "./spool.ts"
import { upload } from "./upload.ts"

export type StateWrite = {
  readonly client: HerculesClient
  readonly route: readonly string[]
  readonly locks: HerculesLocks
  readonly listing: () => Promise<readonly StateRecord[]>
  readonly name: string
  readonly base: Base
  readonly writer: Writer
  readonly lease: LeaseId | undefined
  /** Asked under the lock about the version that is current, before anything is sent. */
  readonly mayFollow: (current: VersionRecord) => Promise<void>
  /** What to write, as it is to be stored; asked for under the lock. */
  readonly content: () => Promise<AsyncIterable<Uint8Array>>
}

/**
 * Writes a version, as safely as a server allows that compares nothing: under its lock, on top of what was looked at under that lock, and
 * looked at again afterwards. Throws `state-conflict`, `state-locked`, `lease-lost`, `state-raced` and `state-put-unconfirmed`.
 */
export async function writeState(write: StateWrite): Promise<StateVersion> {
  const guard = await guardWrite({ ...write, patience: write.client.patience })
  try {
    const spooled = await spool(await write.content())
    try {
      return await writeOnTop(write, { guard, spooled })
    } finally {
      await spooled.remove()
    }
  } finally {
    await guard.end()
  }
}

type Prepared = { readonly guard: WriteGuard; readonly spooled: Spool }

async function writeOnTop(write: StateWrite, { guard, spooled }: Prepared): Promise<StateVersion> {
  const { client, route, name, base, listing } = write
  const before = recordIn(await listing(), name)
  rules.assertBase(before, base)
  const current = rules.currentVersion(before)
  if (current !== undefined) await write.mayFollow(current)
  const newest = current?.version ?? 0
  const appeared = async (): Promise<readonly VersionRecord[]> =>
    recordIn(await listing(), name).versions.filter(({ version }) => version > newest)
  const ofThisContent = async (versions: readonly VersionRecord[]): Promise<readonly VersionRecord[]> => {
    const same = await Promise.all(versions.map((version) => isContentOf(version, { ...write, spooled })))
    return versions.filter((_, index) => same[index])
  }

  const { isUnsure, told } = await upload({
    client,
    path: [...route, "state", name, "data"],
    guard,
    spooled,
    base: newest === 0 ? "absent" : newest,
    landed: async () => (await ofThisContent(await appeared())).length > 0,
  })
  const versions = await appeared()
  const ours = told === undefined ? await ofThisContent(versions) : versions.filter(({ version }) => version === told)
  const written = ours.at(-1)
  if (written === undefined) throw putUnconfirmed({ name, versions })
  const others = versions.filter((version) => !ours.includes(version))
  // Several of ours are one put that was tried again; a server that compares by itself has told that nobody was in between.
  if (told === undefined && (others.length > 0 || (ours.length > 1 && !isUnsure)))
    throw raced({ name, written, versions })
  await guard.confirm().catch((cause: unknown) => {
    throw leaseLostMeanwhile({ name, written, cause })
  })
  return rules.publicVersion(written)
}
