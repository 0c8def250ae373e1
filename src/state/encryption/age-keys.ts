import { usageError, type AlcidesError } from "../../errors.ts"

/** A recipient or an identity as somebody wrote it. */
export type AgeKey = {
  readonly text: string
  /** For messages, which never show a key: `keys.txt:3`. */
  readonly where: string
}

/** The keys in the text of a file as `age-keygen` writes it: one a line, `#` begins a comment line. */
export function keysOfFile(text: string, path: string): readonly AgeKey[] {
  return text.split("\n").flatMap((line, index) => {
    const key = line.trim()
    return key === "" || key.startsWith("#") ? [] : [{ text: key, where: `${path}:${index + 1}` }]
  })
}

/** Recipients in one line of text, with spaces, commas or line breaks in between. */
export function keysOfList(text: string, name: string): readonly AgeKey[] {
  const keys = text.split(/[\s,]+/).filter((key) => key !== "")
  return keys.map((key, index) => ({ text: key, where: keys.length === 1 ? name : `${name}, key ${index + 1}` }))
}

/** What is written there is no recipient. */
export function recipientInvalid({ text, where }: AgeKey): AlcidesError {
  return usageError({
    code: "age-recipient-invalid",
    message: `${where}: this is ${kindOf(text)}, not an age recipient`,
    hint: "write a public key that begins with age1, as `age-keygen -y KEYFILE` prints it",
  })
}

/** What is written there is no identity. */
export function identityInvalid({ text, where }: AgeKey): AlcidesError {
  return usageError({
    code: "age-identity-invalid",
    message: `${where}: this is ${kindOf(text)}, not an age identity`,
    hint: "write a key that begins with AGE-SECRET-KEY-, as `age-keygen` makes it",
  })
}

// Without a word of the text itself, which may be a secret in the wrong place.
function kindOf(text: string): string {
  if (/^age-secret-key-/i.test(text)) return "a secret identity that is mistyped or in the wrong place"
  if (/^age-plugin-/i.test(text)) return "an identity of an age plugin, which only the age program can use"
  if (/^age1/i.test(text)) return "a public key that is mistyped or in the wrong place"
  if (/^(ssh-|-----BEGIN OPENSSH)/.test(text)) return "an ssh key, which only the age program can use"
  if (/^(age-encryption\.org|-----BEGIN AGE)/.test(text)) return "an encrypted file"
  return "something else"
}

/** A recipient for a message: short, and on one line whatever a store says. */
export function shortRecipient(recipient: string): string {
  if (!/^age1[a-z0-9]+$/.test(recipient)) return JSON.stringify(recipient.slice(0, 80))
  return recipient.length <= 80 ? recipient : `${recipient.slice(0, 20)}…${recipient.slice(-8)}`
}
