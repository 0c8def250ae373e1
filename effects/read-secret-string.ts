import * as z from "zod/mini"
import type { EffectContext, Secret } from "alcides"
import { readSecretJSON } from "./read-secret-json.ts"
import { valueAt } from "./setup/value-at.ts"

/**
 * One text of a secret, such as `token` or `database.password`; a list of names when a name has a dot in it.
 * Throws `secret-field-missing` when it is absent or empty, `secret-field-invalid` when it is no text.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/readsecretstring
 */
export function readSecretString<Name extends string>(
  context: Pick<EffectContext<Name>, "secret">,
  name: NoInfer<Name>,
  path: string | readonly string[],
): Secret {
  const names = typeof path === "string" ? path.replace(/^\./, "").split(".") : [...path]
  const schema = z.pipe(
    z.unknown(),
    z.transform((data, { issues }): string => {
      const value = valueAt(data, names)
      if (typeof value === "string" && value.trim() !== "") return value
      issues.push({ code: "custom", input: data, path: names, message: `expected a text, got ${typeof value}` })
      return z.NEVER
    }),
  )
  return readSecretJSON(context, name, schema)
}
