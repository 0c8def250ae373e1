import { expect, test } from "vitest"
import { checkEncryption } from "../../../src/cli/doctor/encryption.ts"
import { encryptionFor, keyPair } from "../../state/support/age.ts"

const [alice, bob] = await Promise.all([keyPair(), keyPair()])

test.each([
  ["nothing", undefined, "ok", "none: state is stored in clear"],
  [
    "both",
    { recipients: [bob, alice], identities: [alice] },
    "ok",
    `for ${bob.recipient}, ${alice.recipient}; the identities of ${alice.recipient}`,
  ],
  ["recipients alone", { recipients: [alice] }, "warn", `for ${alice.recipient}; no identity`],
  [
    "an identity of somebody else",
    { recipients: [alice], identities: [bob] },
    "warn",
    `for ${alice.recipient}; the identities of ${bob.recipient}`,
  ],
  ["identities alone", { identities: [bob] }, "warn", `no recipients; the identities of ${bob.recipient}`],
] as const)("with %s, it says so, and never a secret key", async (_, keys, result, fact) => {
  const finding = await checkEncryption(keys === undefined ? {} : { encryption: await encryptionFor(keys) })
  expect(finding).toMatchObject({ check: "encryption", result, fact })
  expect(JSON.stringify(finding)).not.toContain("AGE-SECRET-KEY")
})
