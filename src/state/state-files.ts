import { randomUUID } from "node:crypto"
import { contentMissing, verified } from "./content.ts"
import type { Encryption } from "./encryption/encryption.ts"
import type { Head, Heads } from "./records/heads.ts"
import { stateKeys } from "./keys.ts"
import type { Locks } from "./locks/locks.ts"
import { assertStateName } from "./names.ts"
import type { ObjectStore } from "./objects.ts"
import { findOrphans, longestWrite, writeTooLong } from "./history/orphans.ts"
import { writePermission, type Permission } from "./locks/permission.ts"
import { unlessRefused } from "./records/records.ts"
import { assertInClear, sealed, unsealer } from "./encryption/sealing.ts"
import * as rules from "./records/state-record.ts"
import type { StateRecord, VersionRecord, Write } from "./records/state-record.ts"
import type { Lease, LeaseId, Project, StateRead, StateStore, StateVersion, WriteOptions } from "./store.ts"

type StateFiles = Pick<StateStore, "get" | "put" | "list" | "histories" | "history" | "rollback" | "delete"> & {
  /** Tells the writers without a lease that they have to look at the lock, which `lease` is of. */
  guard(name: string, lease: Lease): Promise<void>
}

const sweepEvery = 16

/** State files over any driver: the head record decides, blobs never change. */
export function stateFiles({
  objects,
  project,
  heads,
  locks,
  encryption,
}: {
  readonly objects: ObjectStore
  readonly project: Project
  readonly heads: Heads
  readonly locks: Locks
  readonly encryption: Encryption | undefined
}): StateFiles {
  const write = (
    name: string,
    { writer, message, mayWrite }: Omit<WriteOptions, "lease"> & { readonly mayWrite: Permission },
    next: (record: StateRecord, write: Write) => StateRecord,
  ): Promise<StateVersion> => {
    const id = randomUUID()
    return heads.update(name, async (head) => {
      // A swap that could not be told from a lost one may have landed all the same.
      const mine = rules.landed(head.record, id)
      if (mine !== undefined) return { record: head.record, answer: rules.publicVersion(mine) }
      const allowed = await mayWrite(head)
      const changed = next(allowed, { id, writer, message, now: await objects.now() })
      const version = changed.versions.at(-1)
      if (version === undefined) throw new Error("a write made no version")
      return { record: changed, answer: rules.publicVersion(version) }
    })
  }

  const permission = (name: string, lease: LeaseId | undefined): Permission => {
    assertStateName(name)
    return writePermission(name, { lease, locks })
  }

  /** The head on which a put may go, as far as can be told before its content is sent. */
  const startPut = async (
    name: string,
    { mayWrite, mayFollow }: { readonly mayWrite: Permission; readonly mayFollow: (record: StateRecord) => void },
  ): Promise<StateRecord> => {
    const check = async (head: Head): Promise<StateRecord> => {
      await mayWrite(head)
      mayFollow(head.record)
      return head.record
    }
    return (await check(await heads.last(name)).catch(unlessRefused)) ?? check(await heads.now(name))
  }

  const readFenced = (name: string, lease: LeaseId): Promise<StateRecord> =>
    heads.update(name, async (head) => {
      const held = await locks.ownLease(lease.id)
      const record = held === undefined ? head.record : rules.fence(head.record, held)
      return { record, answer: record }
    })

  const describe = (name: string, { version }: VersionRecord): string => `version ${version} of ${JSON.stringify(name)}`

  const allHeads = async (): Promise<readonly StateRecord[]> =>
    (await import("./records/all-heads.ts")).readHeads({ objects, project })

  return {
    async get(name, { version, lease } = {}) {
      assertStateName(name)
      const read = async (missing?: string): Promise<StateRead | undefined> => {
        const record = lease === undefined ? await heads.read(name) : await readFenced(name, lease)
        const found =
          version === undefined ? rules.currentVersion(record) : record?.versions.find((one) => one.version === version)
        if (found?.blob === undefined) return undefined
        const { blob, encrypted } = found
        const where = describe(name, found)
        // First: what is open and never read holds a connection.
        const unseal = unsealer({ where, encrypted, encryption })
        const content = await objects.readBlob(stateKeys(project, name).blobs, blob)
        if (content !== undefined) {
          const stored = verified(content, { ...found, where })
          return { version: rules.publicVersion(found), content: unseal(stored) }
        }
        // It may have been pruned, or encrypted anew, since the head was read.
        if (blob === missing) throw contentMissing(where)
        return read(blob)
      }
      return read()
    },

    async put(name, clear, { base, lease, inClear = false, ...options }) {
      const mayWrite = permission(name, lease)
      const { content, encrypted } = sealed(clear, inClear ? undefined : encryption)
      const mayFollow = (record: StateRecord): void => {
        rules.assertBase(record, base)
        if (!inClear && encrypted === undefined) assertInClear(name, record.versions)
      }
      const before = await startPut(name, { mayWrite, mayFollow })
      const started = await objects.now()
      const stem = String((before.versions.at(-1)?.version ?? 0) + 1)
      const { blobs } = stateKeys(project, name)
      const { name: blob, size, sha256 } = await objects.writeBlob(blobs, { stem, content })
      const finishSweep =
        Number(stem) % sweepEvery === 0 ? await findOrphans(name, { objects, project, heads }) : undefined
      const version = await write(name, { ...options, mayWrite }, (record, write) => {
        if (write.now - started > longestWrite) throw writeTooLong(name)
        mayFollow(record)
        const stored = { blob, size, sha256, ...(encrypted !== undefined && { encrypted }) }
        return rules.putVersion(record, { ...write, base, content: stored })
      })
      await finishSweep?.()
      return version
    },

    async list() {
      return (await allHeads()).flatMap(rules.summaryOf)
    },

    async histories() {
      return (await allHeads()).map(rules.publicHistory)
    },

    async history(name) {
      assertStateName(name)
      const record = await heads.read(name)
      return record === undefined || record.versions.length === 0 ? undefined : rules.publicHistory(record).versions
    },

    async rollback(name, { to, lease, ...options }) {
      const mayWrite = permission(name, lease)
      return write(name, { ...options, mayWrite }, (record, write) => rules.rollBackVersion(record, { ...write, to }))
    },

    async delete(name, { lease, base, ...options }) {
      const mayWrite = permission(name, lease)
      return write(name, { ...options, mayWrite }, (record, write) =>
        rules.deleteVersion(record, { ...write, ...(base !== undefined && { base }) }),
      )
    },

    async guard(name, lease) {
      await heads.update(name, async ({ record }) => ({ record: rules.fence(record, lease), answer: undefined }))
    },
  }
}
