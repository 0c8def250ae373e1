import { generateIdentity, identityToRecipient } from "age-encryption"
import { ageEncryption } from "../../../src/state/encryption/age.ts"
import type { Encryption } from "../../../src/state/encryption/encryption.ts"

export type KeyPair = { readonly identity: string; readonly recipient: string }

/** A new pair of age keys. */
export async function keyPair(make: () => Promise<string> = generateIdentity): Promise<KeyPair> {
  const identity = await make()
  return { identity, recipient: await identityToRecipient(identity) }
}

/** Encryption for these, and with these identities. */
export function encryptionFor({
  recipients = [],
  identities = [],
}: {
  readonly recipients?: readonly KeyPair[]
  readonly identities?: readonly KeyPair[]
}): Promise<Encryption> {
  return ageEncryption({
    recipients: recipients.map(({ recipient }) => ({ text: recipient, where: "a test" })),
    identities: identities.map(({ identity }) => ({ text: identity, where: "a test" })),
  })
}
