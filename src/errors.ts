/** What a run of `alcides` tells the shell. See docs/concepts/exit-codes.md. */
export const Exit = {
  done: 0,
  failed: 1,
  usage: 2,
  rolledBack: 3,
  notRolledBack: 4,
  partOfFleet: 5,
  notLocked: 6,
  stateAtRisk: 7,
} as const

export type ExitCode = (typeof Exit)[keyof typeof Exit]

export type ErrorDetails = {
  /** Stable, kebab-case, never reused: programs switch on it. */
  readonly code: string
  /** The fact, one line. */
  readonly message: string
  /** The next action, one line. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** Default: `Exit.failed`. */
  readonly exit?: ExitCode
  /** Further lines worth reading, such as what a child program printed. Already redacted. */
  readonly detail?: string | undefined
}

/** Every failure that Alcides itself reports: a code, a fact, a hint and a cause. */
export class AlcidesError extends Error {
  override readonly name = "AlcidesError"
  readonly code: string
  readonly hint: string | undefined
  readonly exit: ExitCode
  readonly detail: string | undefined

  constructor({ code, message, hint, cause, exit = Exit.failed, detail }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = hint
    this.exit = exit
    this.detail = detail
  }
}

/** A mistake in what the user typed or wrote: exit 2, and nothing was changed. */
export function usageError(details: Omit<ErrorDetails, "exit">): AlcidesError {
  return new AlcidesError({ ...details, exit: Exit.usage })
}

/** Whether a file system call failed because the file is not there: the only failure that means "absent". */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}

/** What a file system call found, or `otherwise` when the file is not there. Every other failure is thrown. */
export async function unlessMissing<T, U>(call: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await call
  } catch (error) {
    if (isMissing(error)) return otherwise
    throw error
  }
}

/** The text of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split("\n", 1)[0] ?? ""
}
