/** How the content of state files is encrypted on this side, before any store sees it. */
export interface Encryption {
  /** The public keys that new versions are encrypted for; none: they are stored in clear. */
  readonly recipients: readonly string[]
  /** The public keys of the identities that are here: what is encrypted for one of them can be read. */
  identities(): Promise<readonly string[]>
  /** The content as an age file for the recipients. See https://age-encryption.org/v1 */
  encrypt(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /**
   * The content of an age file. Throws `state-identity-missing` when no identity here is of one of its recipients,
   * and `state-content-undecryptable` when it is damaged or no age file.
   */
  decrypt(
    content: AsyncIterable<Uint8Array>,
    about: {
      /** What it is, as the first words of a message: `version 3 of "a.json"`. */
      readonly where: string
      /** For whom it is, as far as known. */
      readonly recipients: readonly string[]
    },
  ): AsyncIterable<Uint8Array>
}
