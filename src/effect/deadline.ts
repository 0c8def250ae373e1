import { AlcidesError } from "../errors.ts"

export type Deadline = { readonly signal: AbortSignal; readonly clear: () => void }

/** A signal that aborts with the given one, and after so many seconds with `effect-timeout`. */
export function withTimeout({
  signal,
  seconds,
  name,
}: {
  readonly signal: AbortSignal
  readonly seconds: number | undefined
  readonly name: string
}): Deadline {
  if (seconds === undefined) return { signal, clear: () => {} }
  const controller = new AbortController()
  const timer = setTimeout(() => {
    controller.abort(
      new AlcidesError({
        code: "effect-timeout",
        message: `effect ${name} did not end within ${seconds} s`,
        hint: "raise its timeout, or find out what it waits for",
      }),
    )
  }, seconds * 1000)
  return { signal: AbortSignal.any([signal, controller.signal]), clear: () => clearTimeout(timer) }
}

// A program gets TERM and, ten seconds later, KILL; what is still not back then is no program.
const patience = 15_000

/** Waits for work; once the signal aborts, waits a little longer for it to end by itself, and throws the signal's reason. */
export async function endOnAbort(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  signal.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      timer = setTimeout(() => reject(signal.reason), patience)
    }
    signal.addEventListener("abort", stop, { once: true })
  })
  try {
    await Promise.race([work(), aborted])
    signal.throwIfAborted()
  } catch (error) {
    // What a program says when it is ended is less than why it was.
    if (signal.aborted) throw signal.reason
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", stop)
  }
}
