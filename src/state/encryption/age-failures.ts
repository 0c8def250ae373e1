import { AlcidesError } from "../../errors.ts"
import { shortRecipient } from "./age-keys.ts"

/** Nobody here can read it. */
export function identityMissing({
  where,
  recipients,
}: {
  readonly where: string
  /** For whom it is, as far as known. */
  readonly recipients: readonly string[]
}): AlcidesError {
  const readers = recipients.map(shortRecipient).join(", ")
  return new AlcidesError({
    code: "state-identity-missing",
    message: `${where} is encrypted, and no identity here can read it${readers === "" ? "" : `; it is for ${readers}`}`,
    hint: "name the identity of one of its recipients: --identity FILE, ALCIDES_AGE_IDENTITY_FILE or ALCIDES_AGE_IDENTITY",
  })
}

/** It is damaged, or no age file. */
export function undecryptable({ where, why }: { readonly where: string; readonly why: string }): AlcidesError {
  return new AlcidesError({
    code: "state-content-undecryptable",
    message: `${where} cannot be decrypted: ${why}`,
    hint: "get an older version with --version, or restore the store from a backup",
  })
}
