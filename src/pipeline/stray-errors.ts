import { AlcidesError, Exit, messageOf } from "../errors.ts"

// In milliseconds; as long as a timer can be.
const long = 2 ** 31 - 1

/**
 * While effects run: an error that nobody waits for, as of a promise without `await`, would end this process before any state is
 * put. It aborts the signal instead. An effect that waits for nothing at all must not end this process either, and one that
 * exits itself has not succeeded.
 */
export function watchStrayErrors(): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController()
  const onError = (error: unknown): void =>
    controller.abort(
      new AlcidesError({
        code: "stray-error",
        message: `an effect threw where nothing waits for it: ${messageOf(error)}`,
        hint: "look for a promise without await in the effects of this run",
        cause: error,
        exit: Exit.notRolledBack,
        ...(error instanceof Error && error.stack !== undefined && { detail: error.stack }),
      }),
    )
  // The command says that it was ended; only here it is known that something may have been changed. 128 and more is a signal's.
  const onExit = (code: number): void => {
    if (code < 128) process.exitCode = Exit.notRolledBack
  }
  const awake = setInterval(() => {}, long)
  process.on("uncaughtException", onError)
  process.on("unhandledRejection", onError)
  process.on("exit", onExit)
  return {
    signal: controller.signal,
    stop() {
      clearInterval(awake)
      process.off("uncaughtException", onError)
      process.off("unhandledRejection", onError)
      process.off("exit", onExit)
    },
  }
}
