import type { Writable } from "node:stream"

/** The one door for lines that people read. Implementations redact before they write. */
export interface Log {
  /** One line of progress. */
  info(line: string): void
  /** Something is off, but the work goes on. */
  warn(line: string): void
  /** Only with `--verbose`. */
  debug(line: string): void
}

export type LogOptions = {
  readonly stream: Writable
  /** Masks secrets in one whole line. */
  readonly redact: (line: string) => string
  readonly verbose?: boolean
  readonly color?: boolean
}

const yellow = (text: string): string => `\u001b[33m${text}\u001b[39m`
const dim = (text: string): string => `\u001b[2m${text}\u001b[22m`

/** A log that writes lines to one stream, normally standard error. */
export function createLog({ stream, redact, verbose = false, color = false }: LogOptions): Log {
  const write = (line: string): void => {
    stream.write(`${redact(line)}\n`)
  }
  return {
    info: write,
    warn: (line) => write(`${color ? yellow("warning:") : "warning:"} ${line}`),
    debug: (line) => {
      if (verbose) write(color ? dim(line) : line)
    },
  }
}

/** A log that says nothing. */
export const silentLog: Log = { info: () => {}, warn: () => {}, debug: () => {} }
