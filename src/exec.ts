import { constants } from "node:os"
import { execa } from "execa"
import { AlcidesError } from "./errors.ts"
import { findProgram, requireProgram } from "./exec/find.ts"
import { endGroup, groupEnded, trackGroup } from "./exec/group.ts"
import { lineReader, type StreamMask } from "./exec/lines.ts"

export { findProgram, findProgramHome } from "./exec/find.ts"

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
  /** Standard output goes to this file instead of `onLine` and the result; the file must exist, so that its mode is the caller's. */
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
  const path = await requireProgram(program, env["PATH"])
  const label = [program, ...args.slice(0, 1).filter((arg) => !arg.startsWith("-"))].join(" ")
  if (signal?.aborted) throw aborted(label, signal.reason)

  const [file, argv] = await dyingWithParent(path, args, env["PATH"])
  const child = execa(file, argv, {
    env: { ...env },
    extendEnv: false,
    ...(cwd !== undefined && { cwd }),
    stdin: inputFile !== undefined ? { file: inputFile } : input !== undefined ? "pipe" : "ignore",
    stdout: outputFile === undefined ? "pipe" : { file: outputFile },
    stderr: "pipe",
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    ...(input !== undefined && inputFile === undefined && { input }),
  })
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
  // With a file, execa hands the same output out as well, and what goes to a file is often not for the log.
  if (outputFile === undefined) child.stdout?.on("data", out.write)
  child.stderr?.on("data", err.write)

  let ended: "aborted" | "timeout" | undefined
  const end = (why: "aborted" | "timeout"): void => {
    ended ??= why
    if (pid !== undefined) endGroup(pid, grace)
  }
  const onAbort = (): void => end("aborted")
  signal?.addEventListener("abort", onAbort, { once: true })
  const timer = timeout === undefined ? undefined : setTimeout(() => end("timeout"), timeout * 1000)
  try {
    const result = await child
    out.end()
    err.end()
    if (ended === "aborted") throw aborted(label, signal?.reason)
    if (ended === "timeout") {
      throw new AlcidesError({
        code: "program-timeout",
        message: `${label} did not end within ${timeout} s`,
        hint: "raise the effect's timeout, or find out what it waits for",
      })
    }
    // Neither a code nor a signal: the program could not be started at all.
    if (result.exitCode === undefined && result.signal === undefined) throw notStarted(label, result)
    const exitCode = result.exitCode ?? signalExitCode(result.signal)
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

/**
 * Runs a program on our own standard streams and returns its exit code, 128+n for a signal. Aborted, it and what it started
 * get TERM, then KILL. Throws `program-not-found` (usage), `program-failed` when it cannot be started, and `program-aborted`
 * when it was not to be started any more.
 */
export async function runAttached(
  program: string,
  args: readonly string[],
  { env, signal, grace = 10 }: Pick<ProgramOptions, "env" | "signal" | "grace">,
): Promise<number> {
  const path = await requireProgram(program, env["PATH"])
  const [file, argv] = await dyingWithParent(path, args, env["PATH"])
  if (signal?.aborted) throw aborted(program, signal.reason)
  // On a terminal it stays in our group, so that it may read and the keys reach it; elsewhere its own group ends as a whole.
  const onTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  const child = execa(file, argv, {
    env: { ...env },
    extendEnv: false,
    stdio: "inherit",
    detached: !onTerminal,
    cleanup: onTerminal,
    forceKillAfterDelay: grace * 1000,
    reject: false,
  })
  const group = onTerminal ? undefined : child.pid
  const untrack = group === undefined ? () => {} : trackGroup(group)
  const end = (): void => {
    if (group !== undefined) endGroup(group, grace)
    // Ctrl-C has reached it already, from the terminal.
    else if (!isKeyboard(signal?.reason)) child.kill("SIGTERM")
  }
  signal?.addEventListener("abort", end, { once: true })
  try {
    const result = await child
    if (result.exitCode === undefined && result.signal === undefined) throw notStarted(program, result)
    if (signal?.aborted && group !== undefined) await groupEnded(group, grace)
    return result.exitCode ?? signalExitCode(result.signal)
  } finally {
    signal?.removeEventListener("abort", end)
    untrack()
  }
}

// Linux kills the child with us even when we are killed with KILL; elsewhere only a regular end takes it along.
async function dyingWithParent(
  path: string,
  args: readonly string[],
  searchPath: string | undefined,
): Promise<[string, string[]]> {
  const setpriv = process.platform === "linux" ? await findProgram("setpriv", searchPath) : undefined
  return setpriv === undefined ? [path, [...args]] : [setpriv, ["--pdeathsig", "KILL", "--", path, ...args]]
}

function aborted(label: string, cause: unknown): AlcidesError {
  return new AlcidesError({
    code: "program-aborted",
    message: `${label} was ended${cause instanceof Error ? `: ${cause.message}` : ""}`,
    cause,
  })
}

function notStarted(
  label: string,
  { shortMessage, cause }: { readonly shortMessage?: string | undefined; readonly cause?: unknown },
): AlcidesError {
  return new AlcidesError({
    code: "program-failed",
    message: `${label} could not be started: ${shortMessage ?? "unknown reason"}`,
    hint: "try it by hand; a script needs its #! line",
    cause,
  })
}

function isKeyboard(reason: unknown): boolean {
  return reason instanceof AlcidesError && reason.code === "interrupted"
}

function signalExitCode(signal: string | undefined): number {
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1]
  return number === undefined ? 1 : 128 + number
}
