import { constants } from "node:os"
import type { Writable } from "node:stream"
import { AlcidesError, Exit } from "../errors.ts"
import { main } from "./program.ts"

/** Runs one command line as this process: answers signals, flushes what was written, and ends with the command's code. */
export async function start(args: readonly string[]): Promise<void> {
  const stop = new AbortController()
  let received: NodeJS.Signals | undefined
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (received !== undefined) process.exit(codeOf(signal))
      received = signal
      stop.abort(
        signal === "SIGINT"
          ? new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" })
          : new AlcidesError({ code: "terminated", message: "ended by SIGTERM" }),
      )
    })
  }
  tolerateClosed(process.stdout)
  tolerateClosed(process.stderr)
  const { env, stdout, stderr } = process
  const code = await main(args, {
    env,
    cwd: process.cwd(),
    get stdin() {
      return process.stdin
    },
    stdout,
    stderr,
    signal: stop.signal,
  })
  process.exitCode = code === Exit.failed && received !== undefined ? codeOf(received) : code
  await Promise.all([flushed(stdout), flushed(stderr)])
  // An open standard input or a kept-alive connection must not hold the process any longer.
  process.exit()
}

function codeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

// A reader that went away, as `head` does, is no failure of the command; a full disk behind `>` is one.
function tolerateClosed(stream: Writable): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return
    process.stderr.write(`alcides: the output could not be written: ${error.message}\n`)
    process.exit(Exit.failed)
  })
}

async function flushed(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write("", () => resolve())
  })
}
