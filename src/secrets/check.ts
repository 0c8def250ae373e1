import { locateJson, type JsonPath, formatPath } from "./json-positions.ts"
import { leavesOf } from "./mask-data.ts"
import { parseSecretsFile, type SecretEntry, type SecretProblem } from "./secrets-file.ts"
import type { SecretData } from "./secrets-map.ts"
import { canMask } from "./spellings.ts"

export type Problem = SecretProblem & {
  readonly code: "malformed" | "repeated" | "no-condition" | "unmaskable" | "field-missing" | "file-mode"
}

// The fields that setup steps read together: who has the first has a use for all of them.
const kinds: readonly (readonly string[])[] = [
  ["aws_access_key_id", "aws_secret_access_key"],
  ["aws_secret_access_key", "aws_access_key_id"],
  ["aws_session_token", "aws_access_key_id", "aws_secret_access_key"],
  ["publicKey", "privateKey"],
  ["clientKey", "clientCertificate", "CACertificate"],
  ["clientCertificate", "clientKey", "CACertificate"],
]

type Source = { readonly text: string; readonly label: string }

/** Everything that is wrong with a `secrets.json`. Throws when it cannot be read at all: `json-invalid`, `secrets-file-invalid`. */
export function checkSecrets(source: Source): readonly Problem[] {
  const { entries, repeated } = parseSecretsFile(source)
  const positions = locateJson({ ...source, text: source.text.replace(/^\uFEFF/, "") })
  const at = (code: Problem["code"], path: JsonPath, message: string): Problem => ({
    code,
    path: formatPath(path),
    position: positions.of(path),
    message,
  })
  return [
    ...repeated.map((problem): Problem => ({ code: "repeated", ...problem })),
    ...[...entries].flatMap(([name, entry]) => checkEntry(name, entry, at)),
  ]
}

type Make = (code: Problem["code"], path: JsonPath, message: string) => Problem

function checkEntry(name: string, entry: SecretEntry, at: Make): readonly Problem[] {
  if (entry.status === "malformed") return entry.problems.map((problem) => ({ code: "malformed", ...problem }))
  const data = entry.data.reveal()
  const unconditional = at("no-condition", [name], "has no condition, and no condition means no access")
  return [
    ...(entry.condition === undefined ? [unconditional] : []),
    ...missingFields(data).map((field) => at("field-missing", [name, "data"], `field ${field} is missing or empty`)),
    ...leavesOf(data).flatMap(({ path, value }) => {
      if (typeof value === "number" || value.trim() === "" || canMask(value)) return []
      return at("unmaskable", [name, "data", ...path], "is shorter than 4 characters: it cannot be masked in output")
    }),
  ]
}

function missingFields(data: SecretData): readonly string[] {
  const isSet = (field: string): boolean => {
    const value = data[field]
    return value !== undefined && value !== null && (typeof value !== "string" || value.trim() !== "")
  }
  const missing = kinds
    .filter(([first = ""]) => Object.hasOwn(data, first))
    .flatMap((fields) => fields.filter((field) => !isSet(field)))
  return [...new Set(missing)]
}
