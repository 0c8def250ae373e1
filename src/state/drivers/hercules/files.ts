import { peekAgeFile } from "../../encryption/age-file.ts"
import { assertInClear, sealed, unsealed } from "../../encryption/sealing.ts"
import type { Encryption } from "../../encryption/encryption.ts"
import { assertStateName } from "../../names.ts"
import * as rules from "../../records/state-record.ts"
import type { VersionRecord } from "../../records/state-record.ts"
import type { StateStore } from "../../store.ts"
import { unsupported } from "./failures.ts"
import type { HerculesClient } from "./client.ts"
import type { HerculesLocks } from "./locks.ts"
import { putVersion } from "./put.ts"
import type { FileRoutes, Look } from "./routes.ts"

export type StateFiles = Pick<StateStore, "get" | "put" | "list" | "histories" | "history" | "rollback" | "delete">

export type FilesOptions = {
  readonly client: HerculesClient
  readonly routes: FileRoutes
  readonly locks: HerculesLocks
  readonly encryption: Encryption | undefined
}

// The server keeps no word on encryption: an age file is known by how it begins, and for whom it is by nothing but trying.
export const somebody: { recipients: string[] } = { recipients: [] }

/** State files on top of what the routes show. */
export function herculesFiles({ client, routes, locks, encryption }: FilesOptions): StateFiles {
  const way = { client, routes, locks }
  return {
    async get(name, { version, lease } = {}) {
      assertStateName(name)
      if (lease !== undefined) await locks.confirm(lease.id)
      const look = await routes.look(name, lease)
      const { record } = look
      const found =
        version === undefined ? rules.currentVersion(record) : record.versions.find((one) => one.version === version)
      if (found === undefined) {
        await look.end()
        return undefined
      }
      const { isAge, content } = await peekAgeFile(lastContent(look, found))
      const known = rules.publicVersion(found)
      if (!isAge) return { version: known, content }
      const where = `version ${found.version} of ${JSON.stringify(name)}`
      try {
        const clear = unsealed(content, { where, encrypted: somebody, encryption })
        return { version: { ...known, encrypted: somebody }, content: clear }
      } catch (error) {
        // What is open and never read holds a connection, or a file.
        await unread(content)
        throw error
      }
    },

    async put(name, clear, { base, writer, lease, wait, inClear = false }) {
      assertStateName(name)
      const { content, encrypted } = sealed(clear, inClear ? undefined : encryption)
      const mayFollow = async (version: VersionRecord, look: Look): Promise<void> => {
        if (!inClear && encrypted === undefined) await assertClear(version, look)
      }
      return putVersion({ ...way, name, base, writer, lease, wait, mayFollow, content: async () => content })
    },

    async list() {
      return (await routes.all()).flatMap(rules.summaryOf).sort((a, b) => (a.name < b.name ? -1 : 1))
    },

    async histories() {
      return (await routes.all()).map(rules.publicHistory).sort((a, b) => (a.name < b.name ? -1 : 1))
    },

    async history(name) {
      assertStateName(name)
      const look = await routes.look(name)
      await look.end()
      const { versions } = rules.publicHistory(look.record)
      return versions.length === 0 ? undefined : versions
    },

    async rollback(name, { to, writer, lease, wait }) {
      assertStateName(name)
      const content = async (): Promise<AsyncIterable<Uint8Array>> => {
        const look = await routes.look(name)
        const { record } = look
        const target = record.versions.find(({ version }) => version === to)
        if (target !== undefined) return lastContent(look, target)
        await look.end()
        throw record.versions.length === 0 ? rules.stateAbsent(name) : rules.versionAbsent(record, to)
      }
      const mayFollow = async (): Promise<void> => {}
      const version = await putVersion({ ...way, name, base: "current", writer, lease, wait, mayFollow, content })
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

async function* lastContent(look: Look, version: VersionRecord): AsyncGenerator<Uint8Array> {
  try {
    yield* look.content(version)
  } finally {
    await look.end()
  }
}

/** Closes content that nobody will read. */
async function unread(content: AsyncIterable<Uint8Array>): Promise<void> {
  await content[Symbol.asyncIterator]().return?.()
}

/** Throws `state-encryption-expected` when what is written in clear would follow this version, and this version is encrypted. */
async function assertClear(current: VersionRecord, { record, content }: Look): Promise<void> {
  const { isAge, content: rest } = await peekAgeFile(content(current))
  await unread(rest)
  assertInClear(record.name, [{ version: current.version, encrypted: isAge ? somebody : undefined }])
}
