import * as z from "zod/mini"
import { Secret, usageError, type EffectContext } from "alcides"
import { valueAt } from "./setup/value-at.ts"

/**
 * The data of a secret, checked and typed by a schema of zod or zod/mini. Throws `secret-field-missing` and `secret-field-invalid`,
 * which name the secret and the field, and never the value.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/readsecretjson
 */
export function readSecretJSON<Name extends string, Schema extends z.core.$ZodType>(
  context: Pick<EffectContext<Name>, "secret">,
  name: NoInfer<Name>,
  schema: Schema,
): Secret<z.output<Schema>> {
  const data = context.secret(name).reveal()
  const { success, data: value, error } = z.safeParse(schema, data)
  if (success) return new Secret(value)
  const [issue] = error.issues
  const path = issue?.path ?? []
  const field = path.map(String).join(".")
  const found = valueAt(data, path)
  if (found === undefined || found === null || (typeof found === "string" && found.trim() === "")) {
    throw usageError({
      code: "secret-field-missing",
      message: `secret ${JSON.stringify(name)}: field ${field} is ${found === undefined || found === null ? "missing" : "empty"}`,
      hint: `add the field to the secret that the secretsMap calls ${JSON.stringify(name)}`,
    })
  }
  throw usageError({
    code: "secret-field-invalid",
    message: `secret ${JSON.stringify(name)}: ${field === "" ? "the data" : `field ${field}`} is not as expected: ${issue?.message ?? "invalid"}`,
    hint: `mend the secret that the secretsMap calls ${JSON.stringify(name)}`,
  })
}
