import type { Redactor } from "./redactor.ts"
import type { Secret } from "./secret.ts"
import type { Json, SecretData } from "./secrets-map.ts"

/** Masks every text and number inside the data of a secret from now on. */
export function maskSecretData(redactor: Redactor, data: Secret<SecretData>): void {
  for (const { value } of leavesOf(data.reveal())) redactor.add(String(value))
}

export type Leaf = { readonly path: readonly (string | number)[]; readonly value: string | number }

/** The texts and numbers inside a value, with where they stand. */
export function leavesOf(value: Json, path: readonly (string | number)[] = []): readonly Leaf[] {
  if (typeof value === "string" || typeof value === "number") return [{ path, value }]
  if (typeof value !== "object" || value === null) return []
  const parts = Array.isArray(value) ? value.entries() : Object.entries(value)
  return [...parts].flatMap(([key, part]) => leavesOf(part, [...path, key]))
}
