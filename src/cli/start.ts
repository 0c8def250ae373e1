import { constants } from "node:os"
import type { Writable } from "node:stream"
import { AlcidesError, Exit, usageError } from "../errors.ts"
import { failureOf, formatFailure } from "./errors.ts"
import { main } from "./program.ts"

/** Runs one command line as this process: answers signals, flushes what was written, and ends with the command's code. */
export async function start(args: readonly string[]): Promise<void> {
  const end = endOnPurpose(args)
  const stop = new AbortController()
  let received: NodeJS.Signals | undefined
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (received !== undefined) end(codeOf(signal))
      received = signal
      if (!args.includes("--json")) setTimeout(sayHowToEnd, patience).unref()
      stop.abort(
        signal === "SIGINT"
          ? new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" })
          : new AlcidesError({ code: "terminated", message: "ended by SIGTERM" }),
      )
    })
  }
  const opened = new Set<Writable>()
  const open = (stream: Writable): Writable => {
    if (!opened.has(stream)) tolerateClosed(stream, end)
    opened.add(stream)
    return stream
  }
  // As for a shell, an empty HOME is none: otherwise the state of a user would lie in whatever folder the command is typed.
  if (process.env["HOME"] === "") delete process.env["HOME"]
  const env = { ...process.env }
  // The key to all state is ours alone, and libraries start programs with what is left here.
  delete process.env["ALCIDES_AGE_IDENTITY"]
  const code = await main(args, {
    env,
    cwd: process.cwd(),
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return open(process.stdout)
    },
    get stderr() {
      return open(process.stderr)
    },
    signal: stop.signal,
  })
  await Promise.all([...opened].map(flushed))
  // An open standard input or a kept-alive connection must not hold the process any longer.
  end(code === Exit.failed && received !== undefined ? codeOf(received) : code)
}

type End = (code: number) => never

// In milliseconds.
const patience = 2_000

function sayHowToEnd(): void {
  process.stderr.write("alcides: ending what is under way in order; once more, and it ends at once\n")
}

// The user's code runs in this process and may end it, with any code or by waiting for nothing. That is never a success.
function endOnPurpose(args: readonly string[]): End {
  let meant = false
  process.on("exit", () => {
    if (meant) return
    const error = usageError({
      code: "process-ended",
      message: "the pipeline or an effect ended this process before the command was done",
      hint: "take process.exit out of it, and wait for no promise that never settles",
    })
    const failure = failureOf(error)
    process.stderr.write(`${args.includes("--json") ? JSON.stringify({ error: failure }) : formatFailure(failure)}\n`)
    process.exitCode = error.exit
  })
  return (code) => {
    meant = true
    process.exit(code)
  }
}

function codeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

// A reader that went away, as `head` does, is no failure of the command; a full disk behind `>` is one.
function tolerateClosed(stream: Writable, end: End): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return
    process.stderr.write(
      `alcides: the output could not be written: ${error.message}\n  hint: free some space, or look at where it goes\n`,
    )
    end(Exit.failed)
  })
}

async function flushed(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write("", () => resolve())
  })
}
