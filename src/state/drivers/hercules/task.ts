import { peekAgeFile } from "../../encryption/age-file.ts"
import type { Encryption } from "../../encryption/encryption.ts"
import { assertStateName } from "../../names.ts"
import { sealed } from "../../encryption/sealing.ts"
import * as rules from "../../records/state-record.ts"
import type { StateRecord, VersionRecord } from "../../records/state-record.ts"
import type { PutOptions, StateStore, StateVersion } from "../../store.ts"
import { assertClear, openedContent } from "./age.ts"
import { unreachable, unsupported } from "./failures.ts"
import { guardWrite, type WriteGuard } from "./guard.ts"
import { whereOf, type Call, type HerculesClient } from "./http.ts"
import type { HerculesLocks } from "./locks.ts"
import { withPatience, type Outcome } from "./patience.ts"
import { leaseLostMeanwhile, putUnconfirmed } from "./races.ts"
import { knownRefusal } from "./refusals.ts"
import { spool, type Spool } from "./spool.ts"
import { toldVersion, upload } from "./upload.ts"

type StateFiles = Pick<StateStore, "get" | "put" | "list" | "history" | "rollback" | "delete">

type Current = {
  readonly version: VersionRecord
  readonly spooled: Spool
  /** Whether the number is the server's own. */
  readonly isTold: boolean
}

export type TaskOptions = {
  readonly client: HerculesClient
  readonly locks: HerculesLocks
  readonly encryption: Encryption | undefined
}

const onlyCurrent = "with another store URL, such as hercules:, and a user's token"

/**
 * State files by the routes for the running task, which know the current content and nothing else. Its version is a number made from its
 * hash, unless the server tells one: enough to see whether it is still the same.
 */
export function taskFiles(options: TaskOptions): StateFiles {
  const { client, locks, encryption } = options
  return {
    async get(name, { version, lease } = {}) {
      assertStateName(name)
      if (lease !== undefined) await locks.confirm(lease.id)
      const current = await readCurrent(client, name)
      if (current === undefined || (version !== undefined && version !== current.version.version)) return undefined
      const { isAge, content } = await peekAgeFile(current.spooled.open())
      return openedContent({ name, version: current.version, isAge, content, encryption })
    },

    async put(name, clear, { base, lease, writer, inClear = false }) {
      assertStateName(name)
      const { content, encrypted } = sealed(clear, inClear ? undefined : encryption)
      const guard = await guardWrite({ name, lease, writer, locks, patience: client.patience })
      try {
        const spooled = await spool(content)
        try {
          return await writeOnTop(client, { name, base, guard, spooled, isClear: !inClear && encrypted === undefined })
        } finally {
          await spooled.remove()
        }
      } finally {
        await guard.end()
      }
    },

    async history(name) {
      assertStateName(name)
      const current = await readCurrent(client, name)
      await current?.spooled.remove()
      return current === undefined ? undefined : [rules.publicVersion(current.version)]
    },

    async list() {
      throw unsupported({ what: "list the state files of a task", hint: `list them ${onlyCurrent}` })
    },

    async rollback(name) {
      assertStateName(name)
      throw unsupported({ what: "read old versions from a task", hint: `roll back ${onlyCurrent}` })
    },

    async delete(name) {
      assertStateName(name)
      throw unsupported({ what: "delete a state file", hint: "put a new version that says what is meant" })
    },
  }
}

async function writeOnTop(
  client: HerculesClient,
  {
    name,
    base,
    guard,
    spooled,
    isClear,
  }: Pick<PutOptions, "base"> & {
    readonly name: string
    readonly guard: WriteGuard
    readonly spooled: Spool
    /** Whether it must not follow what is encrypted. */
    readonly isClear: boolean
  },
): Promise<StateVersion> {
  const before = await readCurrent(client, name)
  rules.assertBase(recordOf(name, before), base)
  if (before !== undefined && isClear) await assertClear(name, before.version, before.spooled.open())
  await before?.spooled.remove()
  const readBack = async (): Promise<VersionRecord | undefined> => {
    const current = await readCurrent(client, name)
    await current?.spooled.remove()
    return current?.version
  }
  await upload({
    client,
    path: dataPath(name),
    guard,
    spooled,
    base: before === undefined ? "absent" : before.isTold ? before.version.version : undefined,
    // Content that was there already is sent all the same.
    landed: async () => before?.version.sha256 !== spooled.sha256 && (await readBack())?.sha256 === spooled.sha256,
  })
  const written = await readBack()
  if (written?.sha256 !== spooled.sha256)
    throw putUnconfirmed({ name, versions: written === undefined ? [] : [written] })
  await guard.confirm().catch((cause: unknown) => {
    throw leaseLostMeanwhile({ name, written, cause })
  })
  return rules.publicVersion(written)
}

function recordOf(name: string, current: Current | undefined): StateRecord {
  return { ...rules.emptyStateRecord(name), versions: current === undefined ? [] : [current.version] }
}

// Read to its end before anything of it is used: its hash says which version it is.
async function readCurrent(client: HerculesClient, name: string): Promise<Current | undefined> {
  const absent = rules.stateAbsent(name)
  const call: Call = {
    method: "GET",
    path: dataPath(name),
    // This API tells an absent file in this way alone. A page for people is told by something else in between.
    onRefusal: (refusal) => (refusal.status === 404 && !refusal.isHtml ? absent : knownRefusal(refusal)),
  }
  const where = whereOf(client.base, call)
  try {
    return await withPatience(async (): Promise<Outcome<Current>> => {
      const outcome = await client.attempt(call)
      if (!("done" in outcome)) return outcome
      const { headers } = outcome.done
      try {
        const spooled = await spool(outcome.done)
        if (Number(headers["content-length"] ?? spooled.size) !== spooled.size) throw new Error("the body is too short")
        const told = toldVersion(outcome.done)
        const version = versionOf({ spooled, told, date: headers["last-modified"] ?? headers.date })
        return { done: { version, spooled, isTold: told !== undefined } }
      } catch (cause) {
        return { again: unreachable({ where, cause }) }
      }
    }, client.patience)
  } catch (error) {
    if (error === absent) return undefined
    throw error
  }
}

function versionOf({
  spooled: { size, sha256 },
  told,
  date,
}: {
  readonly spooled: Spool
  readonly told: number | undefined
  readonly date: string | undefined
}): VersionRecord {
  const version = told ?? (Number.parseInt(sha256.slice(0, 12), 16) || 1)
  const created = new Date(date ?? 0).toISOString()
  return { version, id: sha256, created, size, sha256, blob: sha256, writer: { by: "unknown" } }
}

const dataPath = (name: string): readonly string[] => ["current-task", "state", name, "data"]
