import { basename } from "node:path"
import { expect, test } from "vitest"
import { filesBelow, sourcesBelow } from "./sources.ts"

const sources = sourcesBelow("src", "effects")

test("a file reads in one sitting: 250 lines at most", () => {
  const long = sources
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > 250)
  expect(long).toEqual([])
})

const unwanted: Readonly<Record<string, RegExp>> = {
  any: /(:\s*|\bas\s+|<)any\b(?!\s*\w)|\bany\[\]/,
  "a double cast": /\bas unknown as\b/,
  "an open end": /\b(TODO|FIXME|XXX|HACK)\b/,
  console: /\bconsole\./,
  "a silenced compiler": /@ts-(ignore|expect-error|nocheck)/,
  "an enum": /^(export\s+)?(const\s+)?enum\s/m,
}

test.each(Object.entries(unwanted))("no source has %s", (_, pattern) => {
  const found = sources.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )
  expect(found).toEqual([])
})

test("no file is named after nothing in particular", () => {
  const vague = /^(utils?|helpers?|manager|misc|common|shared)\b/
  expect(sources.map(({ path }) => path).filter((path) => vague.test(basename(path)))).toEqual([])
})

// Folders of tests that look at the whole instead of at one source.
const whole = new Set(["bench", "docs", "end-to-end", "examples", "fixtures", "house", "support", "types"])

test("a test mirrors a source, or sits in a folder for the whole", () => {
  const parts = sources.flatMap(({ path }) => {
    const inSrc = path.replace(/^src\//, "").replace(/\.ts$/, "")
    // A folder may be tested as a whole, too.
    return [inSrc, inSrc.slice(0, Math.max(0, inSrc.lastIndexOf("/")))].filter((part) => part !== "")
  })
  const known = new Set(parts)
  const stray = filesBelow("test", ".test.ts")
    .map((path) => path.replace(/^test\//, "").replace(/\.test\.ts$/, ""))
    .filter((path) => !whole.has(path.split("/")[0] ?? ""))
    // `file-contract` is one side of `file`; `read-secret` is the family of `read-secret-string` and `read-secret-json`.
    .filter((path) => !known.has(path))
    .filter((path) => !parts.some((part) => path.startsWith(`${part}-`) || part.startsWith(`${path}-`)))
  expect(stray).toEqual([])
})
