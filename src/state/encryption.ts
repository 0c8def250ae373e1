/** How the content of state files is encrypted on this side, before any store sees it. */
export interface Encryption {
  /** The public keys that new versions are encrypted for; none: they are stored in clear. */
  readonly recipients: readonly string[]
  /** The content as an age file for the recipients. See https://age-encryption.org/v1 */
  encrypt(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** The content of an age file. Throws `state-identity-missing` when no identity here is of one of its recipients. */
  decrypt(
    content: AsyncIterable<Uint8Array>,
    about: { readonly where: string; readonly recipients: readonly string[] },
  ): AsyncIterable<Uint8Array>
}
