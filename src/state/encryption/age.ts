import type { AlcidesError } from "../../errors.ts"
import { identityMissing, undecryptable } from "./age-failures.ts"
import { peekAgeFile } from "./age-file.ts"
import { identityInvalid, recipientInvalid, type AgeKey } from "./age-keys.ts"
import { watchedSource } from "./age-source.ts"
import type { Encryption } from "./encryption.ts"

// In bytes. A recipient takes 100 of the header, one of the post-quantum kind 1700. One without an end would fill the memory.
const longestHeader = 1024 * 1024

export type AgeKeys = {
  /** Whom new content is encrypted for; none: it stays in clear. */
  readonly recipients: readonly AgeKey[]
  /** What content is decrypted with. */
  readonly identities: readonly AgeKey[]
}

/** Encryption with age keys. Throws `age-recipient-invalid` and `age-identity-invalid`. See https://age-encryption.org/v1 */
export async function ageEncryption({ recipients: given, identities }: AgeKeys): Promise<Encryption> {
  // Loaded when there are keys: it takes as long as everything else together.
  const age = await import("age-encryption")
  const recipients = [...new Map(given.map((key) => [key.text, key])).values()]
  const encrypter = new age.Encrypter()
  for (const key of recipients) addOr(recipientInvalid, key, () => encrypter.addRecipient(key.text))
  const check = new age.Decrypter()
  for (const key of identities) addOr(identityInvalid, key, () => check.addIdentity(key.text))

  return {
    recipients: recipients.map(({ text }) => text),
    identities: () => Promise.all(identities.map(({ text }) => age.identityToRecipient(text))),

    async *encrypt(content) {
      if (recipients.length === 0) throw new Error("there is nobody to encrypt for")
      const source = watchedSource(content)
      try {
        yield* await encrypter.encrypt(ReadableStream.from(source.content))
      } finally {
        await source.close()
      }
    },

    async *decrypt(content, about) {
      const { where } = about
      const file = await peekAgeFile(content)
      const source = watchedSource(file.content, longestHeader)
      const decrypter = new age.Decrypter()
      for (const { text } of identities) decrypter.addIdentity(text)
      let isForOthers = false
      // Asked last, and so only when none of ours fits.
      decrypter.addIdentity({
        unwrapFileKey: () => {
          isForOthers = true
          return null
        },
      })
      try {
        // The library's own words would quote the content.
        if (!file.isAge) throw undecryptable({ where, why: "it is no age file" })
        const clear = await decrypter.decrypt(ReadableStream.from(source.content))
        source.allowMore()
        yield* clear
      } catch (error) {
        if (!file.isAge || source.hasFailed()) throw error
        throw isForOthers ? identityMissing(about) : undecryptable({ where, why: "it is damaged or cut off" })
      } finally {
        await source.close()
      }
    },
  }
}

function addOr(invalid: (key: AgeKey) => AlcidesError, key: AgeKey, add: () => void): void {
  try {
    add()
  } catch {
    // The cause would show the key.
    throw invalid(key)
  }
}
