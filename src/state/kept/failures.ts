import { AlcidesError, Exit, usageError } from "../../errors.ts"
import { reasonOf } from "../../system-error.ts"

/** What a file system call on kept files gives. Throws `state-kept-unreadable` for what the system refuses. */
export async function readable<T>(path: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (cause) {
    if (cause instanceof AlcidesError) throw cause
    throw new AlcidesError({
      code: "state-kept-unreadable",
      message: `${path} cannot be read: ${reasonOf(cause)}`,
      hint: "what is kept there is safe nowhere else: look at that disk, and whose files these are",
      exit: Exit.stateAtRisk,
      cause,
    })
  }
}

/** It is safe in the store; nothing is lost when it stays. */
export function keptLeft({
  path,
  about,
  name,
  version,
  cause,
}: {
  readonly path: string
  /** The file beside it. */
  readonly about: string
  readonly name: string
  readonly version: number
  readonly cause: unknown
}): AlcidesError {
  return new AlcidesError({
    code: "state-kept-left",
    message: `${path} is in the store, as version ${version} of ${JSON.stringify(name)}, but cannot be removed here: ${reasonOf(cause)}`,
    hint: `remove it and ${about} yourself`,
    cause,
  })
}

/** It would leave in clear what was kept encrypted. */
export function keptInClear(path: string): AlcidesError {
  return usageError({
    code: "state-encryption-expected",
    message: `${path} is encrypted, and this would store it in clear: no recipient is configured`,
    hint: "set ALCIDES_AGE_RECIPIENTS or ALCIDES_AGE_RECIPIENTS_FILE, or add --recipient",
  })
}
