import { StringDecoder } from "node:string_decoder"

const longestLine = 64 * 1024

/** What hides secrets in a stream of text; `Redactor` is one. */
export interface StreamMask {
  stream(): { write(chunk: string): string; end(): string }
}

export type LineReader = {
  readonly write: (chunk: Uint8Array | string) => void
  readonly end: () => void
  /** The first bytes of the output, as they came. */
  readonly kept: () => string
}

/** Cuts a stream of bytes into masked lines, and keeps the beginning of it unmasked. */
export function lineReader({
  redactor,
  keptBytes,
  onLine,
}: {
  readonly redactor: StreamMask | undefined
  readonly keptBytes: number
  readonly onLine: (line: string) => void
}): LineReader {
  const decoder = new StringDecoder("utf8")
  const mask = redactor?.stream()
  const chunks: Buffer[] = []
  let size = 0
  let rest = ""

  const cut = (text: string): void => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) onLine(line.replace(/\r$/, ""))
    if (rest.length > longestLine) {
      onLine(rest)
      rest = ""
    }
  }
  return {
    write(chunk) {
      const bytes = Buffer.from(chunk)
      if (size < keptBytes) chunks.push(bytes.subarray(0, keptBytes - size))
      size += bytes.length
      const text = decoder.write(bytes)
      cut(mask === undefined ? text : mask.write(text))
    },
    end() {
      const text = decoder.end()
      cut(mask === undefined ? text : mask.write(text) + mask.end())
      if (rest !== "") onLine(rest)
      rest = ""
    },
    kept: () => Buffer.concat(chunks).toString("utf8"),
  }
}
