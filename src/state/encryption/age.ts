import type { Decrypter, Encrypter } from "age-encryption"
import { messageOf, type AlcidesError } from "../../errors.ts"
import { identityMissing, undecryptable } from "./age-failures.ts"
import { splitAgeFile } from "./age-file.ts"
import { identityInvalid, recipientInvalid, type AgeKey } from "./age-keys.ts"
import { openPayload, sealPayload } from "./age-payload.ts"
import type { Encryption } from "./encryption.ts"

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
      const { header, fileKey } = await newHeader(new age.Encrypter(), recipients)
      yield header
      yield* sealPayload(content, fileKey)
    },

    async *decrypt(content, about) {
      const parts = await splitAgeFile(content)
      if (parts === undefined) throw undecryptable({ where: about.where, why: "it is no age file" })
      const { header, payload } = parts
      try {
        const fileKey = await fileKeyOf(header, { decrypter: new age.Decrypter(), identities, about })
        yield* openPayload(payload, { fileKey, where: about.where })
      } finally {
        await payload.return?.()
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

// The library makes the header. The file key that it made for it is what it tells each recipient: the last one only listens.
async function newHeader(
  encrypter: Encrypter,
  recipients: readonly AgeKey[],
): Promise<{ readonly header: Uint8Array; readonly fileKey: Uint8Array }> {
  let fileKey: Uint8Array | undefined
  for (const { text } of recipients) encrypter.addRecipient(text)
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Uint8Array.from(key)
      return []
    },
  })
  const empty = await encrypter.encrypt(new Uint8Array())
  if (fileKey === undefined) throw new Error("no file key was made")
  return { header: empty.subarray(0, empty.byteLength - sizeOfEmptyPayload), fileKey }
}

// A nonce and a tag, of 16 bytes each.
const sizeOfEmptyPayload = 32

type About = Parameters<Encryption["decrypt"]>[1]

async function fileKeyOf(
  header: Uint8Array,
  {
    decrypter,
    identities,
    about,
  }: { readonly decrypter: Decrypter; readonly identities: readonly AgeKey[]; readonly about: About },
): Promise<Uint8Array> {
  let isForOthers = false
  for (const { text } of identities) decrypter.addIdentity(text)
  // Asked last, and so only when none of ours fits.
  decrypter.addIdentity({
    unwrapFileKey: () => {
      isForOthers = true
      return null
    },
  })
  try {
    return await decrypter.decryptHeader(header)
  } catch (error) {
    throw isForOthers ? identityMissing(about) : undecryptable({ where: about.where, why: messageOf(error) })
  }
}
