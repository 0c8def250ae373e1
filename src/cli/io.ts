import type { Readable, Writable } from "node:stream"
import type { Redactor } from "../secrets/redactor.ts"

/** The world as one command sees it. Tests make their own. */
export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** Aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Masks the secrets that this command has read, also in the error it ends with. */
  readonly redactor: Redactor
  /** The code to exit with when the command returns; without a call it is 0. */
  exit(code: number): void
}

/** What `main` is given; the rest of `Io` it makes itself. */
export type World = Omit<Io, "exit" | "redactor">
