/** A small record as the driver read it. `tag` names exactly this state of it. */
export type StoredRecord = { readonly text: string; readonly tag: string }

export type StoredBlob = {
  /** The driver's name for it, below the folder it was written to. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Hexadecimal. */
  readonly sha256: string
}

export type BlobEntry = {
  readonly name: string
  /** Milliseconds since 1970, by the store's clock. */
  readonly modified: number
}

/**
 * What a storage driver implements; everything else is built on it once, in this folder.
 *
 * Keys and folders are `/`-separated segments of lower-case letters, digits, `.`, `-`, `_` and `%`.
 * A driver answers "not there" only when the storage itself said so, and throws `AlcidesError` for everything else.
 */
export interface ObjectStore {
  /** Without credentials. */
  readonly url: string
  read(key: string): Promise<StoredRecord | undefined>
  /**
   * Makes `text` the record when it still is what `expected` names; durable when it returns the new tag.
   * `undefined` means lost: another writer was first, or it cannot be told; what stands must be read again.
   */
  swap(
    key: string,
    change: { readonly text: string; readonly expected: string | "absent" },
  ): Promise<string | undefined>
  /** The segments that follow `folder` in the keys of records. Order does not matter. */
  children(folder: string): Promise<readonly string[]>
  /** Streams a new immutable blob whose name begins with `stem`; durable and complete when it returns. */
  writeBlob(
    folder: string,
    blob: { readonly stem: string; readonly content: AsyncIterable<Uint8Array> },
  ): Promise<StoredBlob>
  /** Opens a blob; `undefined` when it is not there. Removed while it is read, it comes whole or throws `state-content-missing`. */
  readBlob(folder: string, name: string): Promise<AsyncIterable<Uint8Array> | undefined>
  blobs(folder: string): Promise<readonly BlobEntry[]>
  /** Removing what is not there is no failure. */
  removeBlob(folder: string, name: string): Promise<void>
  /** The store's clock, in milliseconds since 1970; never this machine's. */
  now(): Promise<number>
}
