import { PassThrough, Readable } from "node:stream"
import { text } from "node:stream/consumers"
import type { World } from "../../src/cli/io.ts"

export type CliResult = { readonly exit: number; readonly stdout: string; readonly stderr: string }

export type CliOptions = {
  readonly env?: Record<string, string>
  readonly cwd?: string
  readonly input?: string | Buffer | Readable
  readonly signal?: AbortSignal
}

/** Runs the command in this process, as `alcides ARGS` would, and returns what it wrote. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { main } = await import("../../src/cli/program.ts")
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const out = text(stdout)
  const err = text(stderr)
  const io: World = {
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    stdin: inputOf(options.input),
    stdout,
    stderr,
    signal: options.signal ?? new AbortController().signal,
  }
  const exit = await main(args, io)
  stdout.end()
  stderr.end()
  return { exit, stdout: await out, stderr: await err }
}

function inputOf(input: CliOptions["input"]): Readable {
  if (input instanceof Readable) return input
  return Readable.from(input === undefined ? [] : [Buffer.from(input)])
}
