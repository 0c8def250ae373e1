import * as z from "zod/mini"
import { AlcidesError, Secret, type EffectContext, type SetupStep } from "alcides"
import { pemField } from "./setup/fields.ts"
import { pathInHome } from "./setup/private-file.ts"
import { readSecretJSON } from "./read-secret-json.ts"
import { mkdir } from "node:fs/promises"

const schema = z.object({ privateKey: pemField })

/**
 * Imports a GPG private key and trusts it ultimately. Sets GNUPGHOME.
 * Throws `gpg-key-unusable`, `secret-field-missing`, `secret-field-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/writegpgkey
 */
export function writeGPGKey(): SetupStep<"gpg">
export function writeGPGKey<const Name extends string>(name: Name): SetupStep<Name>
export function writeGPGKey(name = "gpg"): SetupStep {
  const read = (context: Pick<EffectContext, "secret">) => readSecretJSON(context, name, schema).reveal()
  return {
    description: "import the GPG key",
    secrets: [name],
    check: read,
    inputs: ["gpg"],
    async run(context) {
      // With ~/.gnupg, GnuPG would talk to the runner's own agent below /run/user, which would keep the key.
      const folder = pathInHome(context, "~/.gnupg-private")
      await mkdir(folder, { recursive: true, mode: 0o700 })
      context.setEnv("GNUPGHOME", folder)
      const { privateKey } = read(context)
      const input = new Secret(privateKey)
      const options = { output: "quiet", success: [0, 2] } as const
      const shown = await context.run("gpg", [...batch, "--import-options", "show-only", "--import"], {
        ...options,
        input,
      })
      const fingerprints = secretKeysOf(shown.stdout)
      const imported = await context.run("gpg", [...batch, "--import"], { ...options, input })
      if (imported.exitCode !== 0 || fingerprints.length === 0) {
        throw new AlcidesError({
          code: "gpg-key-unusable",
          message: `secret ${JSON.stringify(name)}: gpg finds no private key in privateKey`,
          hint: "export it with: gpg --armor --export-secret-keys KEY",
        })
      }
      const ultimate = fingerprints.map((fingerprint) => `${fingerprint}:6:\n`).join("")
      await context.run("gpg", [...batch, "--import-ownertrust"], { input: ultimate, output: "quiet" })
    },
  }
}

const batch = ["--batch", "--quiet", "--no-tty", "--with-colons"] as const

// The first `fpr` record after a `sec` record is the primary key's: https://github.com/gpg/gnupg/blob/master/doc/DETAILS
function secretKeysOf(colons: string): readonly string[] {
  const records = colons.split("\n").map((line) => line.split(":"))
  return records.flatMap(([type], index) => {
    if (type !== "sec") return []
    return records.slice(index).find(([type]) => type === "fpr")?.[9] ?? []
  })
}
