import { execa } from "execa"
import { AlcidesError } from "./errors.ts"
import { openFiles } from "./exec/files.ts"
import { requireProgram } from "./exec/find.ts"
import { endGroup, trackGroup } from "./exec/group.ts"
import { lineReader, type StreamMask } from "./exec/lines.ts"
import { dyingWithParent } from "./exec/parent.ts"
import { aborted, exitCodeOf, notStarted } from "./exec/outcome.ts"
import { releaseWhenQuiet } from "./exec/pipes.ts"

export { runAttached } from "./exec/attached.ts"
export { findProgram, findProgramHome } from "./exec/find.ts"
export { endProcessesWith } from "./exec/leftovers.ts"
export { processOf } from "./exec/processes.ts"

export type ProgramOptions = {
  /** The whole environment of the program: nothing is inherited. PATH in it decides which program is found. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Ends the program and everything it started: TERM, then KILL. The error's cause is the signal's reason. */
  readonly signal?: AbortSignal
  /** Seconds until the program is ended as if aborted. */
  readonly timeout?: number
  /** Standard input; empty without it. */
  readonly input?: string
  readonly inputFile?: string
  /** Standard output goes to this file (mode 0600 when it is new) instead of `onLine` and the result. */
  readonly outputFile?: string
  /** Each line of standard output and standard error, secrets masked, as it comes. */
  readonly onLine?: (line: string, from: "stdout" | "stderr") => void
  readonly redactor?: StreamMask
  /** Exit codes that are no failure. Default: `[0]`. */
  readonly success?: readonly number[]
  /** Seconds between TERM and KILL. Default: 10. */
  readonly grace?: number
}

export type ProgramResult = {
  readonly exitCode: number
  /** Secrets not masked. The first 16 MiB. */
  readonly stdout: string
}

const keptBytes = 16 * 1024 * 1024
const tailLines = 20

/**
 * Starts one program from an argument array, never through a shell, and waits for its end.
 *
 * Throws `program-not-found` (usage), `program-failed`, `program-timeout` and `program-aborted`.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const {
    env,
    cwd,
    signal,
    timeout,
    input,
    inputFile,
    outputFile,
    onLine,
    redactor,
    success = [0],
    grace = 10,
  } = options
  const path = requireProgram(program, env["PATH"])
  const label = [program, ...args.slice(0, 1).filter((arg) => !arg.startsWith("-"))].join(" ")
  const { file, args: argv } = dyingWithParent({ file: path, args }, env["PATH"])
  const files = await openFiles({ inputFile, outputFile })
  // Nothing is awaited between this question and the listener below: an abort in between would go unnoticed.
  if (signal?.aborted) {
    files.close()
    throw aborted(label, signal.reason)
  }
  const child = execa(file, argv, {
    env: { ...env },
    extendEnv: false,
    ...(cwd !== undefined && { cwd }),
    stdin: files.input ?? (input === undefined ? "ignore" : "pipe"),
    stdout: files.output ?? "pipe",
    stderr: "pipe",
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    ...(input !== undefined && files.input === undefined && { input }),
  })
  files.close()
  const { pid } = child
  const untrack = pid === undefined ? () => {} : trackGroup(pid)

  const tail: string[] = []
  const show = (line: string, from: "stdout" | "stderr"): void => {
    onLine?.(line, from)
    tail.push(line)
    if (tail.length > tailLines) tail.shift()
  }
  const out = lineReader({ redactor, keptBytes, onLine: (line) => show(line, "stdout") })
  const err = lineReader({ redactor, keptBytes: 0, onLine: (line) => show(line, "stderr") })
  child.stdout?.on("data", out.write)
  child.stderr?.on("data", err.write)
  releaseWhenQuiet(child)

  let why: "aborted" | "timeout" | undefined
  let ending: Promise<void> | undefined
  const end = (reason: "aborted" | "timeout"): void => {
    why ??= reason
    if (pid !== undefined) ending ??= endGroup(pid, grace)
  }
  const onAbort = (): void => end("aborted")
  signal?.addEventListener("abort", onAbort, { once: true })
  const timer = timeout === undefined ? undefined : setTimeout(() => end("timeout"), timeout * 1000)
  try {
    const result = await child
    await ending
    out.end()
    err.end()
    if (why === "aborted") throw aborted(label, signal?.reason)
    if (why === "timeout") {
      throw new AlcidesError({
        code: "program-timeout",
        message: `${label} did not end within ${timeout} s`,
        hint: "raise the effect's timeout, or find out what it waits for",
      })
    }
    // Neither a code nor a signal: the program could not be started at all.
    if (result.exitCode === undefined && result.signal === undefined) throw notStarted(label, result)
    const exitCode = exitCodeOf(result)
    if (!success.includes(exitCode)) {
      throw new AlcidesError({
        code: "program-failed",
        message:
          result.signal === undefined
            ? `${label} failed with exit code ${exitCode}`
            : `${label} was killed by ${result.signal}`,
        ...(onLine === undefined && tail.length > 0 && { detail: tail.join("\n") }),
      })
    }
    return { exitCode, stdout: out.kept() }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", onAbort)
    untrack()
  }
}
