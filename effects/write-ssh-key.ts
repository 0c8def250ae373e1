import * as z from "zod/mini"
import { AlcidesError, type EffectContext, type SetupStep } from "alcides"
import { lineField, pemField } from "./setup/fields.ts"
import { pathInHome, writePrivateFile } from "./setup/private-file.ts"
import { readSecretJSON } from "./read-secret-json.ts"

const schema = z.object({ privateKey: pemField, publicKey: z.optional(lineField) })

/**
 * Writes an SSH key pair; without a `publicKey` in the secret, `ssh-keygen` derives it.
 * Throws `ssh-key-unusable`, `path-outside-home`, `secret-field-missing`, `secret-field-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/writesshkey
 */
export function writeSSHKey(): SetupStep<"ssh">
export function writeSSHKey<const Name extends string>(name: Name, file?: string): SetupStep<Name>
export function writeSSHKey(name = "ssh", file = "~/.ssh/id_rsa"): SetupStep {
  const read = (context: Pick<EffectContext, "secret">) => readSecretJSON(context, name, schema).reveal()
  return {
    description: `write the SSH key ${file}`,
    secrets: [name],
    check: read,
    inputs: ["ssh-keygen"],
    async run(context) {
      const path = pathInHome(context, file)
      const { privateKey, publicKey } = read(context)
      await writePrivateFile(path, privateKey)
      // Also when the public key is known: a key that cannot be read is better noticed now.
      const { exitCode, stdout } = await context.run("ssh-keygen", ["-y", "-P", "", "-f", path], {
        output: "quiet",
        success: [0, 1, 255],
      })
      if (exitCode !== 0) {
        throw new AlcidesError({
          code: "ssh-key-unusable",
          message: `secret ${JSON.stringify(name)}: ssh-keygen cannot read privateKey`,
          hint: "it must be a whole private key, line breaks included, and without a passphrase",
        })
      }
      await writePrivateFile(`${path}.pub`, `${publicKey ?? stdout.trim()}\n`)
    },
  }
}
