import { AlcidesError } from "../../../errors.ts"

/** Called before each file operation: tests fail it, or stop the program there. */
export type OnStep = (step: Step) => void | Promise<void>

export type Step = {
  readonly name: string
  readonly path: string
  /** Failures that are an answer: the step then gives `undefined`. */
  readonly expect?: readonly string[]
}

/** Runs one file operation: again after a passing failure, and with an error that a person can act on. */
export interface RunStep {
  <T>(step: Step & { readonly expect: readonly string[] }, act: () => Promise<T>): Promise<T | undefined>
  <T>(step: Step, act: () => Promise<T>): Promise<T>
}

const passing = new Set(["EINTR", "EAGAIN", "ESTALE", "EBUSY"])
const mostAttempts = 6

/** The one way in which the file driver touches the disk. */
export function fileSteps(onStep?: OnStep): RunStep {
  async function run<T>(
    step: Step & { readonly expect: readonly string[] },
    act: () => Promise<T>,
  ): Promise<T | undefined>
  async function run<T>(step: Step, act: () => Promise<T>): Promise<T>
  async function run<T>(step: Step, act: () => Promise<T>): Promise<T | undefined> {
    const { name, path, expect = [] } = step
    for (let attempt = 1; ; attempt += 1) {
      try {
        await onStep?.(step)
        return await act()
      } catch (error) {
        const code = codeOf(error)
        if (expect.includes(code)) return undefined
        if (!passing.has(code) || attempt === mostAttempts)
          throw storageError({
            code: code === "EPERM" && name.startsWith("link") ? "ENOTSUP" : code,
            path,
            cause: error,
          })
        const pause = Math.random() * 20 * 2 ** attempt
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }
  return run
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""
}

function storageError({
  code,
  path,
  cause,
}: {
  readonly code: string
  readonly path: string
  readonly cause: unknown
}): AlcidesError {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new AlcidesError({
        code: "store-full",
        message: `no space left for the state store at ${path}`,
        hint: "free some space and try again; nothing was changed",
        cause,
      })
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new AlcidesError({
        code: "store-denied",
        message: `the state store refuses access to ${path}`,
        hint: "check who owns it, its mode and how it is mounted",
        cause,
      })
    case "EISDIR":
    case "ENOTDIR":
      return new AlcidesError({
        code: "store-damaged",
        message: `the state store is damaged: ${path} is ${code === "EISDIR" ? "a folder where a file should be" : "below a file where a folder should be"}`,
        hint: "restore it from a backup, or move what does not belong there",
        cause,
      })
    case "ENOTSUP":
    case "ENOSYS":
    case "EMLINK":
    case "EXDEV":
      return new AlcidesError({
        code: "store-unsupported",
        message: `the file system of ${path} has no hard links (${code})`,
        hint: "keep the store on a local disk or on NFS",
        cause,
      })
    default:
      return new AlcidesError({
        code: "store-failed",
        message: `the state store failed at ${path} (${code || "unknown"})`,
        hint: "look at the disk, then at `alcides state history`, before you try again",
        cause,
      })
  }
}
