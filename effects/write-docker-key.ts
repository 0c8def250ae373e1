import { join } from "node:path"
import * as z from "zod/mini"
import type { EffectContext, SetupStep } from "alcides"
import { pemField } from "./setup/fields.ts"
import { pathInHome, writePrivateFile } from "./setup/private-file.ts"
import { readSecretJSON } from "./read-secret-json.ts"

const schema = z.object({ clientKey: pemField, clientCertificate: pemField, CACertificate: pemField })

/**
 * Writes the client's key and certificates for a Docker host with TLS, and sets DOCKER_CERT_PATH.
 * Throws `path-outside-home`, `secret-field-missing`, `secret-field-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/writedockerkey
 */
export function writeDockerKey(): SetupStep<"docker">
export function writeDockerKey<const Name extends string>(name: Name, dir?: string): SetupStep<Name>
export function writeDockerKey(name = "docker", dir = "~/.docker"): SetupStep {
  const read = (context: Pick<EffectContext, "secret">) => readSecretJSON(context, name, schema).reveal()
  return {
    description: `write the Docker client key to ${dir}`,
    secrets: [name],
    check: read,
    async run(context) {
      const folder = pathInHome(context, dir)
      const { clientKey, clientCertificate, CACertificate } = read(context)
      await writePrivateFile(join(folder, "key.pem"), clientKey)
      await writePrivateFile(join(folder, "cert.pem"), clientCertificate)
      await writePrivateFile(join(folder, "ca.pem"), CACertificate)
      context.setEnv("DOCKER_CERT_PATH", folder)
    },
  }
}
