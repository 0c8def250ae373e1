import { usageError, type AlcidesError } from "../../errors.ts"
import { identityMissing } from "./age-failures.ts"
import type { Encryption } from "./encryption.ts"

type Content = AsyncIterable<Uint8Array>
type Recipients = { readonly recipients: readonly string[] }

/** Content as it goes into the store. `encrypted` is left out where it stays in clear. */
export function sealed(
  content: Content,
  encryption: Encryption | undefined,
): { readonly content: Content; readonly encrypted?: { readonly recipients: string[] } } {
  if (encryption === undefined || encryption.recipients.length === 0) return { content }
  return { content: encryption.encrypt(content), encrypted: { recipients: [...encryption.recipients] } }
}

/** How content was stored, and what there is to read it with. */
export type Sealing = {
  readonly where: string
  readonly encrypted: Recipients | undefined
  readonly encryption: Encryption | undefined
}

/** Content as it was put. Throws `state-identity-missing`. */
export function unsealed(content: Content, sealing: Sealing): Content {
  return unsealer(sealing)(content)
}

/** What makes content what it was when it was put. Throws `state-identity-missing`, so before there is any content. */
export function unsealer({ where, encrypted, encryption }: Sealing): (content: Content) => Content {
  if (encrypted === undefined) return (content) => content
  const about = { where, recipients: encrypted.recipients }
  if (encryption === undefined) throw identityMissing(about)
  return (content) => encryption.decrypt(content, about)
}

/** Throws `state-encryption-expected` when a write in clear would follow versions that were encrypted. */
export function assertInClear(
  name: string,
  versions: readonly { readonly version: number; readonly encrypted?: Recipients | undefined }[],
): void {
  const found = versions.find(({ encrypted }) => encrypted !== undefined)
  if (found !== undefined) throw encryptionExpected(name, found.version)
}

function encryptionExpected(name: string, version: number): AlcidesError {
  return usageError({
    code: "state-encryption-expected",
    message: `${JSON.stringify(name)} is encrypted (version ${version}, for one), and this would store it in clear: no recipient is configured`,
    hint: "set ALCIDES_AGE_RECIPIENTS or ALCIDES_AGE_RECIPIENTS_FILE, or add --recipient; `alcides state put --in-clear` means it",
  })
}
