import * as z from "zod/mini"
import { usageError, type EffectContext, type SetupStep } from "alcides"
import { lineField } from "./setup/fields.ts"
import { appendPrivateFile, pathInHome, readIfExists } from "./setup/private-file.ts"
import { readSecretJSON } from "./read-secret-json.ts"

const schema = z.object({
  aws_access_key_id: lineField,
  aws_secret_access_key: lineField,
  aws_session_token: z.optional(lineField),
  region: z.optional(lineField),
})

/**
 * Writes a profile of `~/.aws/credentials`, and its region to `~/.aws/config`. Several profiles stand beside each other.
 * Throws `aws-profile-invalid`, `aws-profile-repeated`, `secret-field-missing`, `secret-field-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/writeawssecret
 */
export function writeAWSSecret(): SetupStep<"aws">
export function writeAWSSecret<const Name extends string>(name: Name, profile?: string): SetupStep<Name>
export function writeAWSSecret(name = "aws", profile = "default"): SetupStep {
  if (!/^[^\s[\]#;][^[\]\r\n]*(?<!\s)$/.test(profile)) {
    throw usageError({
      code: "aws-profile-invalid",
      message: `writeAWSSecret: ${JSON.stringify(profile)} is no profile name`,
      hint: 'use a plain name such as "production"',
    })
  }
  const read = (context: Pick<EffectContext, "secret">) => readSecretJSON(context, name, schema).reveal()
  return {
    description: `write the AWS profile ${profile}`,
    secrets: [name],
    check: read,
    async run(context) {
      const credentials = pathInHome(context, "~/.aws/credentials")
      const config = pathInHome(context, "~/.aws/config")
      const { region, ...keys } = read(context)
      if ((await readIfExists(credentials)).split("\n").includes(`[${profile}]`)) {
        throw usageError({
          code: "aws-profile-repeated",
          message: `writeAWSSecret: the profile ${profile} is written twice`,
          hint: "give each secret a profile of its own",
        })
      }
      await appendPrivateFile(credentials, section(profile, keys))
      if (region === undefined) return
      // The two files name their sections differently: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
      await appendPrivateFile(config, section(profile === "default" ? profile : `profile ${profile}`, { region }))
    },
  }
}

function section(title: string, values: Readonly<Record<string, string | undefined>>): string {
  const lines = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}`]))
  return [`[${title}]`, ...lines, "", ""].join("\n")
}
