import { peekAgeFile } from "../../encryption/age-file.ts"
import { contentMissing, verified } from "../../content.ts"
import { sealed } from "../../encryption/sealing.ts"
import type { Encryption } from "../../encryption/encryption.ts"
import { extensionHeaders } from "../../hercules/api.ts"
import { assertStateName } from "../../names.ts"
import * as rules from "../../records/state-record.ts"
import type { StateRecord, VersionRecord } from "../../records/state-record.ts"
import type { LeaseId, StateStore } from "../../store.ts"
import { assertClear, openedContent } from "./age.ts"
import { download } from "./download.ts"
import { unsupported } from "./failures.ts"
import type { Call, HerculesClient } from "./http.ts"
import { readListing, recordIn } from "./listing.ts"
import type { HerculesLocks } from "./locks.ts"
import { knownRefusal } from "./refusals.ts"
import type { Server } from "./versions.ts"
import { writeState } from "./write.ts"

type StateFiles = Pick<StateStore, "get" | "put" | "list" | "history" | "rollback" | "delete">

export type FilesOptions = {
  readonly client: HerculesClient
  /** The project's, as the first pieces of paths. */
  readonly route: readonly string[]
  readonly server: Server
  readonly locks: HerculesLocks
  readonly encryption: Encryption | undefined
}

/** State files by the routes of a project. */
export function herculesFiles(options: FilesOptions): StateFiles {
  const { client, route, locks, encryption } = options
  const listing = (): Promise<readonly StateRecord[]> => readListing(options)
  const recordAt = async (name: string): Promise<StateRecord> => recordIn(await listing(), name)

  // A version does not change, so that it may be asked for as often as it takes.
  const stored = (
    name: string,
    { version, size, sha256 }: VersionRecord,
    lease?: LeaseId,
  ): AsyncIterable<Uint8Array> => {
    const where = `version ${version} of ${JSON.stringify(name)}`
    const call: Call = {
      method: "GET",
      path: [...route, "state", name, "data"],
      query: { version: String(version) },
      ...(lease !== undefined && { headers: { [extensionHeaders.lease]: lease.id } }),
      onRefusal: (refusal) => (refusal.status === 404 ? contentMissing(where) : knownRefusal(refusal)),
    }
    const content = download(client, call)
    return sha256 === "" ? content : verified(content, { size, sha256, where })
  }

  const opened = async (name: string, found: VersionRecord, lease: LeaseId | undefined) => {
    const { isAge, content } = await peekAgeFile(stored(name, found, lease))
    return openedContent({ name, version: found, isAge, content, encryption })
  }

  return {
    async get(name, { version, lease } = {}) {
      assertStateName(name)
      if (lease !== undefined) await locks.confirm(lease.id)
      const record = await recordAt(name)
      const found =
        version === undefined ? rules.currentVersion(record) : record.versions.find((one) => one.version === version)
      return found === undefined ? undefined : opened(name, found, lease)
    },

    async put(name, clear, { base, writer, lease, inClear = false }) {
      assertStateName(name)
      const { content, encrypted } = sealed(clear, inClear ? undefined : encryption)
      const mayFollow = async (version: VersionRecord): Promise<void> => {
        if (!inClear && encrypted === undefined) await assertClear(name, version, stored(name, version))
      }
      return writeState({ ...options, name, base, writer, lease, listing, mayFollow, content: async () => content })
    },

    async list() {
      const summaries = (await listing()).flatMap((record) => {
        const current = rules.currentVersion(record)
        if (current === undefined) return []
        return [{ name: record.name, current: rules.publicVersion(current), versions: record.versions.length }]
      })
      return summaries.sort((a, b) => (a.name < b.name ? -1 : 1))
    },

    async history(name) {
      assertStateName(name)
      const { versions } = await recordAt(name)
      return versions.length === 0 ? undefined : versions.map(rules.publicVersion).toReversed()
    },

    async rollback(name, { to, writer, lease }) {
      assertStateName(name)
      const content = async (): Promise<AsyncIterable<Uint8Array>> => {
        const record = recordIn(await listing(), name)
        if (record.versions.length === 0) throw rules.stateAbsent(name)
        const target = record.versions.find(({ version }) => version === to)
        if (target === undefined) throw rules.versionAbsent(record, to)
        return stored(name, target)
      }
      const mayFollow = async (): Promise<void> => {}
      const version = await writeState({
        ...options,
        name,
        base: "current",
        writer,
        lease,
        listing,
        mayFollow,
        content,
      })
      return { ...version, rollbackOf: to }
    },

    async delete(name) {
      assertStateName(name)
      throw unsupported({
        what: "delete a state file",
        hint: "put a new version that says what is meant, such as one with nothing deployed",
      })
    },
  }
}
