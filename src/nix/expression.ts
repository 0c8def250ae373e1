import { usageError } from "../errors.ts"

/** What both JSON and Nix can say. */
export type NixValue =
  | null
  | boolean
  | number
  | string
  | readonly NixValue[]
  | { readonly [attribute: string]: NixValue }

/** A Nix expression, on one line, that evaluates to this value. Throws `nix-value-invalid` for what Nix cannot hold. */
export function toNixExpression(value: NixValue): string {
  if (value === null || typeof value === "boolean") return String(value)
  if (typeof value === "string") return toNixString(value)
  if (typeof value === "number") return toNixNumber(value)
  if (isList(value)) return `[ ${value.map((item) => `(${toNixExpression(item)})`).join(" ")} ]`
  const attributes = Object.entries(value).map(([name, item]) => `${toNixString(name)} = ${toNixExpression(item)};`)
  return `{ ${attributes.join(" ")} }`
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

function toNixString(text: string): string {
  if (text.includes("\0")) throw invalid("a string with a NUL character")
  return `"${text.replaceAll(/["\\$\n\r\t]/g, (character) => escapes[character] ?? `\\${character}`)}"`
}

function toNixNumber(value: number): string {
  if (!Number.isFinite(value)) throw invalid(String(value))
  if (Number.isSafeInteger(value)) return String(value)
  // Nix reads no exponent without a dot, but its JSON reader knows every spelling.
  return `builtins.fromJSON ${toNixString(JSON.stringify(value))}`
}

function invalid(what: string): Error {
  return usageError({
    code: "nix-value-invalid",
    message: `Nix has no value for ${what}`,
    hint: "pass text, numbers, booleans, null, lists and attribute sets",
  })
}

function isList(value: NixValue): value is readonly NixValue[] {
  return Array.isArray(value)
}
