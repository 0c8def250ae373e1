import * as z from "zod/mini"
import { usageError, type EffectContext, type SetupStep } from "alcides"
import { lineField } from "./setup/fields.ts"
import { appendPrivateFile, pathInHome } from "./setup/private-file.ts"
import { readSecretJSON } from "./read-secret-json.ts"

const schema = z.object({ token: lineField })

export type GitTokenOptions = {
  /** Default: "github.com". With a port where there is one. */
  readonly host?: string
  /** Forges take the token as a password, and most of them any user. Default: "x-access-token". */
  readonly user?: string
  /** Let Nix fetch with it, too. Default: for github.com only. */
  readonly nix?: boolean
}

/**
 * Lets `git` push and fetch over HTTPS with a token, and Nix fetch flakes with it.
 * Throws `git-host-invalid`, `secret-field-missing`, `secret-field-invalid`.
 *
 * Upstream: https://git-scm.com/docs/git-credential-store
 */
export function writeGitToken<const Name extends string>(name: Name, options: GitTokenOptions = {}): SetupStep<Name> {
  const { host = "github.com", user = "x-access-token", nix = host === "github.com" } = options
  if (!/^[\w.-]+(:\d+)?$/.test(host)) {
    throw usageError({
      code: "git-host-invalid",
      message: `writeGitToken: ${JSON.stringify(host)} is no host name`,
      hint: 'write the bare name: { host: "git.example.com" }',
    })
  }
  const read = (context: Pick<EffectContext, "secret">) => readSecretJSON(context, name, schema).reveal()
  return {
    description: `write the git token for ${host}`,
    secrets: [name],
    check: read,
    inputs: ["git"],
    async run(context) {
      const { token } = read(context)
      const credentials = pathInHome(context, "~/.git-credentials")
      await appendPrivateFile(credentials, `https://${encodeURIComponent(user)}:${encodeURIComponent(token)}@${host}\n`)
      const key = `credential.https://${host}.helper`
      // The empty helper first: it forgets those that the machine's own configuration names.
      await context.run("git", ["config", "--global", "--replace-all", key, ""])
      await context.run("git", ["config", "--global", "--add", key, "store"])
      if (nix)
        await appendPrivateFile(
          pathInHome(context, "~/.config/nix/nix.conf"),
          `extra-access-tokens = ${host}=${token}\n`,
        )
    },
  }
}
