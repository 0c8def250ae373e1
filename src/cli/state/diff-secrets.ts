import { createRedactor, mask } from "../../secrets/redactor.ts"
import { spellingsOf, withoutLineBreaks } from "../../secrets/spellings.ts"
import { formatPath, insideText, partsOf, type Difference, type Json, type Path } from "../../state/history/diff.ts"
import { occurrencesIn } from "./diff-occurrences.ts"

// A field is closed when its own name has one of these in it, or when one of the names above it has one as a whole word.
const closedPart = /pass|pwd|secret|token|private|credential|auth(?!or)|key|cookie|psk/i
const closedWord =
  /^(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|private|credential|cred|auth|authorization|(?:api|ssh|private)?key|cookie|psk)s?$/i
// What looks like the above and is meant to be seen.
const open =
  /public\w*?keys?|\w*finger_?print|key_?pair(?:_?names?)?|key_?names?|private_?(?:ip|dns|net|addr|subnet|cidr)/gi

const closedText = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/,
  // Of ssh.com and PuTTY, and a signing key of Nix: a public one is half as long.
  /---- BEGIN SSH2 ENCRYPTED PRIVATE KEY/,
  /^PuTTY-User-Key-File-\d/m,
  /^[\w.-]+:[A-Za-z0-9+/]{86}==$/,
  // The same in base64, and the body of a key of OpenSSH without its frame.
  /LS0tLS1CRUdJTi|b3BlbnNzaC1rZXktdjE/,
  /AGE-(?:PLUGIN-[A-Z0-9]+|SECRET-KEY)-/i,
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|npm_|dckr_pat_|sk-|sk_live_)\w{12,}/,
  // A JSON Web Token, a password in a URL, a hash as in /etc/shadow, an Authorization header.
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\./,
  /:\/\/[^\s/:@]*:[^\s/@]+@/,
  /^\$(?:1|2[abxy]?|5|6|7|y|gy|argon2\w*)\$/,
  /^(?:bearer|basic|token)\s+\S{8,}/i,
  // A line of settings, of YAML, of JSON in a larger text, or a part of a URL.
  /(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)_?key)\w{0,40}(?:\s{0,8}=\s{0,8}|["']:\s{0,8}|:\s{1,8})[^\s=]{4}/i,
]

// Shorter ones are everyday words, and would mask half of everything.
const shortestElsewhere = 8

/** What may be shown: the path as jq writes it. */
export type Shown = Difference<string>

/**
 * Puts `***` in place of every value that looks secret: by the name of its field or of one above it, by what it is beside, by its
 * content, or because such a value is a part of it.
 */
export function hideSecrets(
  differences: Iterable<Difference>,
  { before, after }: { readonly before: Json; readonly after: Json },
): readonly Shown[] {
  const [old, young] = [secretsOf(before), secretsOf(after)]
  const sides = Array.from(differences, (difference) => {
    const path = formatPath(difference.path)
    // A field that was or becomes secret is secret on both sides: one may be how the other began.
    const isSecret =
      (difference.kind !== "added" && old.paths.has(path)) || (difference.kind !== "removed" && young.paths.has(path))
    return { difference, path, isSecret }
  })
  const redactor = createRedactor()
  const mayOccur = occurrencesIn(shownTexts(sides))
  for (const value of new Set([...old.texts, ...young.texts]))
    if ([...spellingsOf(value)].some(mayOccur)) redactor.add(value)
  const shown = (value: Json, isSecret: boolean): Json => {
    if (typeof value === "string" && value !== "") return isSecret ? mask : redactor.redact(value)
    return typeof value === "number" && isSecret ? mask : value
  }
  return sides.map(({ difference, path: where, isSecret }) => {
    const path = redactor.redact(where)
    switch (difference.kind) {
      case "added":
        return { ...difference, path, after: shown(difference.after, isSecret) }
      case "removed":
        return { ...difference, path, before: shown(difference.before, isSecret) }
      case "changed":
        return {
          ...difference,
          path,
          before: shown(difference.before, isSecret),
          after: shown(difference.after, isSecret),
        }
    }
  })
}

type Side = { readonly difference: Difference; readonly path: string; readonly isSecret: boolean }

function* shownTexts(sides: readonly Side[]): Generator<string> {
  for (const { difference, path, isSecret } of sides) {
    yield path
    const values = [
      difference.kind === "added" ? undefined : difference.before,
      difference.kind === "removed" ? undefined : difference.after,
    ]
    for (const value of values) if (typeof value === "string" && !isSecret) yield withoutLineBreaks(value)
  }
}

type Secrets = { readonly paths: ReadonlySet<string>; readonly texts: ReadonlySet<string> }

function secretsOf(document: Json): Secrets {
  const paths = new Set<string>()
  const texts = new Set<string>()
  for (const { path, value } of secretLeaves(document)) {
    paths.add(formatPath(path))
    if (typeof value === "string" && value.length >= shortestElsewhere) texts.add(value)
  }
  return { paths, texts }
}

type SecretLeaf = { readonly path: Path; readonly value: Json }

function* secretLeaves(value: Json, path: Path = [], inherited = false): Generator<SecretLeaf> {
  const parts = partsOf(value)
  switch (parts.kind) {
    case "leaf":
      if (inherited || isClosedName(nameOf(path)) || isClosedText(value)) yield { path, value }
      return
    case "text":
      return yield* secretLeaves(parts.value, [...path, insideText], inherited || isClosedName(nameOf(path)))
    case "list": {
      // A key may be kept as a list of its lines.
      const below = inherited || parts.parts.some(isClosedText)
      for (const [index, part] of parts.parts.entries()) yield* secretLeaves(part, [...path, index], below)
      return
    }
    case "object": {
      const below = inherited || isClosedContainer(nameOf(path))
      for (const [key, part] of parts.parts) {
        const isClosedKey = isClosedText(key)
        if (isClosedKey) yield { path: [...path, key], value: key }
        yield* secretLeaves(part, [...path, key], below || isClosedKey || isClosedBeside(key, parts.parts))
      }
    }
  }
}

// `{ "name": "DB_PASSWORD", "value": … }`, and Terraform's `{ "sensitive": true, "value": … }`.
function isClosedBeside(key: string, object: ReadonlyMap<string, Json>): boolean {
  if (key !== "value") return false
  const names = ["name", "key", "id"].map((field) => object.get(field))
  return object.get("sensitive") === true || names.some((name) => typeof name === "string" && isClosedName(name))
}

function nameOf(path: Path): string {
  return path.findLast((step) => typeof step === "string") ?? ""
}

function isClosedName(name: string): boolean {
  return closedPart.test(name.replaceAll(open, ""))
}

function isClosedContainer(name: string): boolean {
  const words = name.replaceAll(open, "").split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/)
  return words.some((word) => closedWord.test(word))
}

function isClosedText(value: Json): boolean {
  return typeof value === "string" && closedText.some((pattern) => pattern.test(value))
}
