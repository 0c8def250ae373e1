const ascii = /^[\x20-\x7e]*$/

/** How many columns a terminal gives to a text without control characters. */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length
  ruler ??= makeRuler()
  return ruler(text)
}

// Made for the first text that needs it: the Unicode tables cost more than all the rest of a short command.
let ruler: ((text: string) => number) | undefined

function makeRuler(): (text: string) => number {
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })
  const invisible = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u
  const wide =
    /\p{Emoji_Presentation}|\uFE0F|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3001-\u303e\uff01-\uff60\uffe0-\uffe6]/u
  const widthOf = (grapheme: string): number => (invisible.test(grapheme) ? 0 : wide.test(grapheme) ? 2 : 1)
  return (text) => Array.from(graphemes.segment(text), ({ segment }) => widthOf(segment)).reduce((a, b) => a + b, 0)
}
