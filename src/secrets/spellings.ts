/** The shortest text that can be masked without masking half of everything that is printed. */
export const shortestMaskable = 4

// A line of a multi-line value is masked by itself only when it is long enough not to be an everyday word.
const shortestLine = 8

const armour = /^-----(?:BEGIN|END) [^-]*-----$/

/** Whether a value is long enough to be masked; `alcides secret check` warns of the others. */
export function canMask(value: string): boolean {
  return withoutLineBreaks(value.trim()).length >= shortestMaskable
}

/** Every spelling under which a value is looked for in output, without line breaks: wherever they stand, they do not count. */
export function spellingsOf(value: string): ReadonlySet<string> {
  const core = Buffer.from(value).toString().trim()
  const spellings = [...escapes(core), ...base64s(core), ...lines(core)]
  return new Set(spellings.map(withoutLineBreaks).filter((spelling) => spelling.length >= shortestMaskable))
}

export function withoutLineBreaks(text: string): string {
  return text.replace(/[\r\n]+/g, "")
}

function escapes(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const uri = encodeURIComponent(text)
  const strictUri = uri.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = new URLSearchParams({ "": text }).toString().slice(1)
  return [
    text,
    json,
    json.replaceAll("/", "\\/"),
    json.replaceAll("${", "\\${"),
    json.replace(/[<>&]/g, unicodeEscape),
    json.replace(/[^ -~]/g, unicodeEscape),
    text.replaceAll("'", "'\\''"),
    ...[uri, strictUri, form].flatMap((encoded) => [
      encoded,
      encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    ]),
  ]
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
}

function base64s(text: string): readonly string[] {
  const encoded = [0, 1, 2].flatMap((shift) => base64At(text, shift))
  return encoded.flatMap((spelling) => [spelling, spelling.replaceAll("+", "-").replaceAll("/", "_")])
}

// In the base64 of a larger text the value begins at one of three places of a group. Only the characters that hold no bit of a
// neighbour are always the same; when the larger text ends with the value, or with a line break after it, so are the last ones.
function base64At(text: string, shift: number): readonly string[] {
  const encode = (ending: string): string =>
    Buffer.concat([Buffer.alloc(shift), Buffer.from(text + ending)])
      .toString("base64")
      .slice(Math.ceil((shift * 8) / 6))
  const own = Math.floor(((shift + Buffer.byteLength(text)) * 8) / 6) - Math.ceil((shift * 8) / 6)
  const last = [encode(""), encode("\n")]
  return [encode("").slice(0, own), ...last, ...last.map((spelling) => spelling.replace(/=+$/, ""))]
}

// A key that is printed with an indent matches line by line only.
function lines(text: string): readonly string[] {
  if (!text.includes("\n")) return []
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.length >= shortestLine && !armour.test(line))
}
