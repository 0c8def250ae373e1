import * as z from "zod"
import type { EffectContext, Secret } from "alcides"
import { readSecretJSON } from "./read-secret-json.ts"

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
  const names = typeof path === "string" ? path.replace(/^\./, "").split(".") : path
  return readSecretJSON(context, name, textAt(names))
}

// A schema of objects inside objects with the text at their end, so that a mistake is reported with its whole path.
function textAt(names: readonly string[]): z.ZodType<string> {
  const [first, ...rest] = names
  if (first === undefined) return z.string().regex(/\S/)
  return z.object({ [first]: textAt(rest) }).transform((value) => value[first] ?? "")
}
