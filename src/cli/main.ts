#!/usr/bin/env node
import { constants } from "node:os"
import type { Writable } from "node:stream"
import { AlcidesError, Exit } from "../errors.ts"
import { version } from "../version.ts"

const args = process.argv.slice(2)

// The answer that needs nothing else is given without loading anything else.
if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) process.stdout.write(`${version}\n`)
else await start()

async function start(): Promise<void> {
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
  const { main } = await import("./program.ts")
  const { env, stdin, stdout, stderr } = process
  const code = await main(args, { env, cwd: process.cwd(), stdin, stdout, stderr, signal: stop.signal })
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
