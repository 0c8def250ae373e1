import type { IncomingMessage } from "node:http"
import { digestOf } from "../../content.ts"
import { leaseLost } from "../../failures.ts"
import { extensionHeaders } from "../../hercules/api.ts"
import { parseVersion } from "../../names.ts"
import * as rules from "../../records/state-record.ts"
import type { VersionRecord } from "../../records/state-record.ts"
import type { Base, LeaseId, StateVersion, Writer } from "../../store.ts"
import type { HerculesClient, Outcome } from "./client.ts"
import { knownRefusal, leaseLostMeanwhile, putUnconfirmed, raced } from "./failures.ts"
import { guardWrite, type WriteGuard } from "./guard.ts"
import type { HerculesLocks } from "./locks.ts"
import type { Call } from "./request.ts"
import type { FileRoutes, Look } from "./routes.ts"
import { spool, type Spool } from "./spool.ts"

export type Put = {
  readonly client: HerculesClient
  readonly routes: FileRoutes
  readonly locks: HerculesLocks
  readonly name: string
  readonly base: Base
  readonly writer: Writer
  readonly lease: LeaseId | undefined
  /** Whether other puts are waited for. */
  readonly wait: boolean | undefined
  /** Asked under the lock about the version that is current, before anything is sent. */
  readonly mayFollow: (current: VersionRecord, look: Look) => Promise<void>
  /** What to write, as it is to be stored; asked for under the lock. */
  readonly content: () => Promise<AsyncIterable<Uint8Array>>
}

/**
 * Writes a version, as safely as a server allows that compares nothing: under its lock, on top of what was looked at under that lock, and
 * looked at again afterwards. Throws `state-conflict`, `state-locked`, `lease-lost`, `state-raced`, `state-put-unconfirmed` and
 * `state-lease-unconfirmed`.
 */
export async function putVersion(put: Put): Promise<StateVersion> {
  const guard = await guardWrite({ ...put, deadline: put.wait === false ? 0 : put.client.limits.deadline })
  try {
    const spooled = await spool(await put.content())
    try {
      return await putOnTop(put, { guard, spooled })
    } finally {
      await spooled.remove()
    }
  } finally {
    await guard.end()
  }
}

type Prepared = { readonly guard: WriteGuard; readonly spooled: Spool }

/** What came since, and what of it is ours. */
type Since = {
  readonly current: VersionRecord | undefined
  readonly fresh: readonly VersionRecord[]
  readonly ours: readonly VersionRecord[]
}

async function putOnTop(put: Put, { guard, spooled }: Prepared): Promise<StateVersion> {
  const { client, routes, name } = put
  const before = await lookBefore(put)
  const lookAgain = async (told?: number): Promise<Since> => {
    const look = await routes.look(name)
    try {
      const { versions } = look.record
      const fresh = versions.filter(({ id }) => before.versions.every((known) => known.id !== id))
      const isOurs = await Promise.all(
        fresh.map((version) =>
          told === undefined ? isContentOf(version, { look, spooled }) : version.version === told,
        ),
      )
      return { current: rules.currentVersion(look.record), fresh, ours: fresh.filter((_, index) => isOurs[index]) }
    } finally {
      await look.end()
    }
  }

  // The content may have been long in coming.
  await guard.confirm()
  const { isUnsure, told } = await upload({
    client,
    path: routes.data(name),
    guard,
    spooled,
    base: rules.currentVersion(before)?.version ?? "absent",
    landed: async () => (await lookAgain()).ours.length > 0,
  })
  const { current, fresh, ours } = await lookAgain(told)
  // A server may make no new version of what is current already.
  const written = ours.at(-1) ?? (told === undefined && current?.sha256 === spooled.sha256 ? current : undefined)
  if (written === undefined) throw putUnconfirmed({ name, versions: fresh })
  // Several of ours are one put that was tried again; a server that compares by itself has told that nobody was in between.
  const isRaced = fresh.length > ours.length || (ours.length > 1 && !isUnsure)
  if (told === undefined && isRaced) throw raced({ name, written, versions: fresh })
  await guard.confirm().catch((cause: unknown) => {
    throw leaseLostMeanwhile({ name, written, cause })
  })
  const { size, sha256 } = spooled
  return rules.publicVersion({ ...written, size, sha256 })
}

async function lookBefore({ routes, name, base, mayFollow }: Put): Promise<rules.StateRecord> {
  const look = await routes.look(name)
  try {
    rules.assertBase(look.record, base)
    const current = rules.currentVersion(look.record)
    if (current !== undefined) await mayFollow(current, look)
    return look.record
  } finally {
    await look.end()
  }
}

/** Whether a version has this content: by what the server lists of it, or by reading it when that is not told. */
async function isContentOf(
  version: VersionRecord,
  { look, spooled }: { readonly look: Look; readonly spooled: Spool },
): Promise<boolean> {
  if (version.sha256 !== "") return version.sha256 === spooled.sha256
  return (await digestOf(look.content(version))).sha256 === spooled.sha256
}

type Upload = Prepared & {
  readonly client: HerculesClient
  /** The route of the content. */
  readonly path: readonly string[]
  /** What it goes on top of, for a server that compares; the others do not look. */
  readonly base: number | "absent"
  /** Whether the content is there already. */
  readonly landed: () => Promise<boolean>
}

type Uploaded = {
  /** Whether an attempt may have made a version without telling. */
  readonly isUnsure: boolean
  /** The version, from a server that tells it. */
  readonly told?: number | undefined
}

/** Sends the content until it is there: after an attempt whose outcome is not known, it looks before it sends again. */
async function upload({ client, path, guard, spooled, base, landed }: Upload): Promise<Uploaded> {
  const call: Call = {
    method: "PUT",
    path,
    headers: { [extensionHeaders.lease]: guard.lease, [extensionHeaders.base]: String(base) },
    body: { type: "application/octet-stream", size: spooled.size, open: spooled.open },
    signal: guard.signal,
    onRefusal: (refusal) =>
      knownRefusal(refusal) ??
      // Of a server that looks at the lease itself.
      (refusal.status === 409 ? leaseLost({ lease: guard.lease, why: refusal.said }) : undefined),
  }
  let isUnsure = false
  try {
    return await client.retry(async (): Promise<Outcome<Uploaded>> => {
      if (isUnsure && (await landed())) return { done: { isUnsure } }
      const outcome = await client.attempt(call)
      if (!("done" in outcome)) {
        isUnsure = true
        return outcome
      }
      outcome.done.resume()
      return { done: { isUnsure, told: toldVersion(outcome.done) } }
    })
  } catch (error) {
    // A lease that is lost stops what may be done already.
    if ((isUnsure || guard.signal.aborted) && (await landed().catch(() => false))) return { isUnsure: true }
    throw error
  }
}

/** The version that an answer is about, from a server that tells it. */
export function toldVersion({ headers }: Pick<IncomingMessage, "headers">): number | undefined {
  const told = headers[extensionHeaders.version]
  return typeof told === "string" ? parseVersion(told) : undefined
}
