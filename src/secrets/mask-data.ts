import { createRedactor, type Redactor } from "./redactor.ts"
import type { Secret } from "./secret.ts"
import type { Json, SecretData } from "./secrets-map.ts"

/** Masks every text and number inside the data of a secret from now on. */
export function maskSecretData(redactor: Redactor, data: Secret<SecretData>): void {
  for (const { value } of leavesOf(data.reveal())) redactor.add(String(value))
}

// Fields that say where something is or who somebody is; programs take them as arguments, and rightly so.
const openFields = new Set(
  "CACertificate clientCertificate email host hostname name port publicKey region url user username".split(" "),
)

/** Tells whether a text holds a value of these secrets that must not be an argument of a program. */
export function secretDetector(secrets: Iterable<Secret<SecretData>>): (text: string) => boolean {
  const closed = createRedactor()
  for (const data of secrets) {
    for (const { path, value } of leavesOf(data.reveal())) {
      if (!openFields.has(String(path.at(-1)))) closed.add(String(value))
    }
  }
  return (text) => closed.redact(text) !== text
}

export type Leaf = { readonly path: readonly (string | number)[]; readonly value: string | number }

/** The texts and numbers inside a value, with where they stand. */
export function leavesOf(value: Json, path: readonly (string | number)[] = []): readonly Leaf[] {
  if (typeof value === "string" || typeof value === "number") return [{ path, value }]
  if (typeof value !== "object" || value === null) return []
  const parts = Array.isArray(value) ? value.entries() : Object.entries(value)
  return [...parts].flatMap(([key, part]) => leavesOf(part, [...path, key]))
}
