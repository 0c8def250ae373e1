// Four code units in a row are looked up by their hash: a table of so many bits, of which a megabyte of text sets a tenth.
const bits = 24

/**
 * Remembers which short pieces some texts are made of. What it returns answers whether a text, of four characters or more, may be a
 * part of one of them: "no" is certain. A state file may hold thousands of keys, and each is looked for in everything that is shown.
 */
export function occurrencesIn(texts: Iterable<string>): (text: string) => boolean {
  const table = new Uint8Array(2 ** (bits - 3))
  for (const text of texts) {
    for (const hash of hashes(text)) table[hash >>> 3] = (table[hash >>> 3] ?? 0) | (1 << (hash & 7))
  }
  return (text) => {
    for (const hash of hashes(text)) if (((table[hash >>> 3] ?? 0) & (1 << (hash & 7))) === 0) return false
    return true
  }
}

function* hashes(text: string): Generator<number> {
  for (let at = 0; at + 4 <= text.length; at += 1) {
    const [a, b] = [
      text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16),
      text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16),
    ]
    yield Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b) >>> (32 - bits)
  }
}
