import { shortRecipient } from "../../state/encryption/age-keys.ts"
import type { StateStore } from "../../state/store.ts"
import type { Finding } from "./finding.ts"

/** For whom state is encrypted, and whether what is encrypted can be read here. */
export async function checkEncryption({ encryption }: Pick<StateStore, "encryption">): Promise<Finding> {
  const check = "encryption"
  if (encryption === undefined) return { check, result: "ok", fact: "none: state is stored in clear" }
  const { recipients } = encryption
  const own = await encryption.identities()
  const readers = own.length === 0 ? "no identity" : `the identities of ${own.map(shortRecipient).join(", ")}`
  const fact = `${recipients.length === 0 ? "no recipients" : `for ${recipients.map(shortRecipient).join(", ")}`}; ${readers}`
  if (recipients.length === 0) {
    const hint = "state is stored in clear, and cannot follow versions that are encrypted: set ALCIDES_AGE_RECIPIENTS"
    return { check, result: "warn", fact, hint }
  }
  if (own.some((recipient) => recipients.includes(recipient))) return { check, result: "ok", fact }
  const hint = "what is put here cannot be read here: set ALCIDES_AGE_IDENTITY_FILE or ALCIDES_AGE_IDENTITY"
  return { check, result: "warn", fact, hint }
}
