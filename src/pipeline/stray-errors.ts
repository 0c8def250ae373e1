import { AlcidesError, Exit, messageOf } from "../errors.ts"

// In milliseconds; as long as a timer can be.
const long = 2 ** 31 - 1

/**
 * While effects run: an error that nobody waits for, as of a promise without `await`, would end this process before any state is
 * put. It aborts the signal instead. And an effect that waits for nothing at all must not end this process either.
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
  const awake = setInterval(() => {}, long)
  process.on("uncaughtException", onError)
  process.on("unhandledRejection", onError)
  return {
    signal: controller.signal,
    stop() {
      clearInterval(awake)
      process.off("uncaughtException", onError)
      process.off("unhandledRejection", onError)
    },
  }
}
