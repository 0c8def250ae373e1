import type { Readable, Writable } from "node:stream"

/** The world as one command sees it. Tests make their own. */
export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** Aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** The code to exit with when the command returns; without a call it is 0. */
  exit(code: number): void
}
