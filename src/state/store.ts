import type { ProcessIdentity } from "../exec/this-process.ts"
import type { Encryption } from "./encryption/encryption.ts"

/** The project whose state this is, as Hercules CI writes it: `github/neat-org/neat-repo`. */
export type Project = { readonly site: string; readonly owner: string; readonly name: string }

/** Who wrote a version or holds a lease, for people to read. */
export type Writer = {
  /** `user@host`, or the CI's own words for the actor. */
  readonly by: string
  /** The commit whose run this was, when known. */
  readonly rev?: string
  readonly runUrl?: string
}

/** Who holds a lease, and where. */
export type Holder = Writer & {
  /** The machine's name. */
  readonly host?: string
  /** The process that renews it, where one does. */
  readonly process?: ProcessIdentity
}

export type StateVersion = {
  /** Counts 1, 2, 3 … for each state file. */
  readonly version: number
  /** ISO 8601, by the store's clock. */
  readonly created: string
  /** Bytes, as stored: of an encrypted version, those of the age file. */
  readonly size: number
  /** Hexadecimal, of the bytes as stored: the hash of a secret file would tell who has guessed it. */
  readonly sha256: string
  readonly writer: Writer
  readonly message?: string
  /** Set when the content is an age file, with the public keys it is for. */
  readonly encrypted?: { readonly recipients: readonly string[] }
  /** Set when retention must keep this version. */
  readonly pinned?: Pin
  /** Set when this version was made by a rollback: the version whose content it repeats. */
  readonly rollbackOf?: number
  /** Set when this version says that the file was deleted: it has no content. */
  readonly deleted?: boolean
}

/** Who wants a version kept, and why. */
export type Pin = {
  readonly by: string
  /** ISO 8601, by the store's clock. */
  readonly at: string
  readonly reason?: string
}

export type StateFileSummary = {
  readonly name: string
  /** The version that `get` answers with. */
  readonly current: StateVersion
  /** How many versions are kept. */
  readonly versions: number
}

export type StateRead = {
  readonly version: StateVersion
  /** Verifies size and sha256 while it streams; a mismatch is thrown before the last chunk is handed out. */
  readonly content: AsyncIterable<Uint8Array>
}

/** On top of which version a write goes: that version, nothing ("absent"), or whatever is current. */
export type Base = number | "absent" | "current"

export type PutOptions = {
  readonly base: Base
  readonly writer: Writer
  readonly message?: string
  /** The lease under which this is written. A lease that is lost, expired or outdated is refused. */
  readonly lease?: LeaseId
  /** Stores it in clear, whatever the store's encryption and the versions before. */
  readonly inClear?: boolean
  /** Whether it waits for its turn where a store lets one write at a time, and not only compares. Default: true. */
  readonly wait?: boolean
}

/** What every kind of write is told. */
export type WriteOptions = Omit<PutOptions, "base" | "inClear">

/** A lease, or just its id. */
export type LeaseId = Pick<Lease, "id">

export type LeaseRequest = {
  /** The lock's name. */
  readonly lock: string
  readonly exclusive: boolean
  readonly description: string
  readonly holder: Holder
  /** Seconds until the lease ends unless it is renewed. */
  readonly ttl: number
  /** The same key gives the same lease again, so that a request may be repeated. */
  readonly idempotencyKey: string
  /** A lease the same actor already holds: this one is granted beside it. */
  readonly parent?: string
  /** Leave a place in the queue when it cannot be granted now; the place is kept as long as the request is repeated. */
  readonly queue: boolean
}

export type Lease = {
  readonly id: string
  readonly lock: string
  readonly exclusive: boolean
  readonly description: string
  readonly holder: Holder
  readonly parent?: string
  /** Fencing token: grows with every exclusive grant of this lock; who holds it meanwhile, as a parent does, goes along. */
  readonly token: number
  /** ISO 8601, by the store's clock. */
  readonly acquired: string
  readonly expires: string
}

export type LeaseAnswer =
  | { readonly outcome: "acquired"; readonly lease: Lease }
  | {
      readonly outcome: "blocked"
      /** Who holds it; empty when it is free, but others who asked before us are about to get it. */
      readonly by: readonly Lease[]
      /** How many asked before us and still wait. */
      readonly ahead: number
    }

export type LockStatus = {
  readonly lock: string
  readonly leases: readonly Lease[]
  readonly waiting: number
  /** The last time somebody broke this lock. */
  readonly broken?: { readonly by: string; readonly at: string; readonly reason?: string }
}

/**
 * Where state files and locks of one project live. Every driver passes test/state/contract.ts.
 *
 * "Absent" is an answer, never a guess: a method returns `undefined` only when the store itself said that the name is not there,
 * and throws `AlcidesError` for everything else.
 */
export type StateHistory = {
  readonly name: string
  /** Newest first. */
  readonly versions: readonly StateVersion[]
}

export interface StateStore {
  /** The URL it was opened with, without credentials. */
  readonly url: string
  readonly project: Project
  /** How contents are encrypted on their way to the store, and decrypted on their way back. */
  readonly encryption?: Encryption
  /** What this store cannot promise and others can, a line each for people. */
  readonly limits?: readonly string[]

  /** With an exclusive lease, holders of older leases cannot write any more. Throws `lease-lost`. */
  get(name: string, options?: { readonly version?: number; readonly lease?: LeaseId }): Promise<StateRead | undefined>
  /** Complete and durable when it returns; otherwise the old version still stands. Throws `state-conflict`, `state-locked`, `lease-lost` or `state-encryption-expected`. */
  put(name: string, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StateVersion>
  list(): Promise<readonly StateFileSummary[]>
  /** Every state file that was ever written, also those deleted since, with all its versions: in as many requests as `list` takes. */
  histories(): Promise<readonly StateHistory[]>
  /** Newest first; `undefined` when there never was such a state file. */
  history(name: string): Promise<readonly StateVersion[] | undefined>
  /** Makes the content of an old version the newest version. Nothing is erased. */
  rollback(name: string, options: { readonly to: number } & WriteOptions): Promise<StateVersion>
  /**
   * From now on `get` says absent, as the new version that this returns; the others stay, and `rollback` brings one back. With a `base`
   * only that version is deleted: throws `state-conflict` when somebody has written since.
   */
  delete(name: string, options: WriteOptions & { readonly base?: Base }): Promise<StateVersion>

  acquire(request: LeaseRequest): Promise<LeaseAnswer>
  /** Takes a request back: its place in the queue, and its lease in case it was granted after all. */
  withdraw(lock: string, idempotencyKey: string): Promise<void>
  /** Throws `lease-lost` when the lease is no longer held. */
  renew(leaseId: string, options: { readonly ttl: number; readonly description?: string }): Promise<Lease>
  /** Releasing what is no longer held throws `lease-lost`. */
  release(leaseId: string): Promise<void>
  locks(): Promise<readonly LockStatus[]>
  /** Ends these leases on a lock, or every one by default, and returns the ones it ended. */
  break(
    lock: string,
    options: { readonly by: string; readonly reason?: string; readonly leases?: readonly LeaseId[] },
  ): Promise<readonly Lease[]>
}
