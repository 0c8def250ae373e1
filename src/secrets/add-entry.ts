import { usageError } from "../errors.ts"
import type { Condition } from "./condition.ts"
import { parseSecretsFile } from "./secrets-file.ts"
import type { SecretData } from "./secrets-map.ts"

export type NewEntry = { readonly kind: "Secret"; readonly data: SecretData; readonly condition?: Condition }

type AddOptions = {
  readonly text: string
  /** What to call the file in errors. */
  readonly label: string
  readonly name: string
  readonly entry: NewEntry
}

/** The text of `secrets.json` with one more entry; every other byte stays as it is. Throws `secret-exists` and what reading throws. */
export function addEntry({ text, label, name, entry }: AddOptions): string {
  const { entries } = parseSecretsFile({ text, label })
  if (entries.has(name)) {
    throw usageError({
      code: "secret-exists",
      message: `${label} already has a secret ${JSON.stringify(name)}`,
      hint: "choose another name, or edit the file; alcides secret echo prints an entry to put there",
    })
  }
  const body = text.trimEnd().slice(0, -1).trimEnd()
  const written = JSON.stringify({ [name]: entry }, undefined, 2).slice(1, -1)
  return `${body}${entries.size === 0 ? "" : ","}${written}}\n`
}
