import { AlcidesError, usageError } from "../errors.ts"
import { findProgram, runProgram } from "../exec.ts"
import type { Log } from "../log.ts"
import type { Redactor } from "../secrets/redactor.ts"

/** What every call of Nix needs. */
export type NixOptions = {
  /** The environment of the Nix programs; PATH in it decides which Nix that is. */
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly log: Log
  readonly redactor?: Redactor
  /** How many Nix programs may evaluate at once. Default: one a core. */
  readonly concurrency?: number
  /** An existing folder for links that keep the results from Nix's garbage collector for as long as it stands. */
  readonly gcRoots?: string
}

export type NixRun = {
  readonly failed: boolean
  readonly stdout: string
  /** Masked. */
  readonly stderr: readonly string[]
}

export type NixCall = {
  readonly cwd?: string
  readonly input?: string
  readonly nixPath?: string
  /** "info" shows what Nix says as it says it; what an expression says itself is always shown. Default: "debug". */
  readonly show?: "info" | "debug"
}

/** Throws `nix-missing` unless Nix is on PATH. */
export function requireNix(env: Readonly<Record<string, string>>): void {
  if (findProgram("nix-store", env["PATH"]) !== undefined) return
  throw usageError({
    code: "nix-missing",
    message: "nix is not on PATH",
    hint: "install Nix: https://nixos.org/download (Debian and Ubuntu: apt-get install nix-bin)",
  })
}

/** Runs one of Nix's programs. That it failed is an answer; that it was ended or could not start is thrown. */
export async function runNix(
  program: "nix" | "nix-instantiate" | "nix-store",
  args: readonly string[],
  { cwd, input, nixPath, show = "debug", ...options }: NixCall & NixOptions,
): Promise<NixRun> {
  const { env, signal, log, redactor } = options
  const stderr: string[] = []
  const run = {
    env: nixPath === undefined ? env : { ...env, NIX_PATH: nixPath },
    signal,
    ...(cwd !== undefined && { cwd }),
    ...(input !== undefined && { input }),
    ...(redactor !== undefined && { redactor }),
    onLine: (line: string, from: "stdout" | "stderr"): void => {
      if (from === "stdout") return
      stderr.push(line)
      log[/^(trace|evaluation warning): /.test(line) ? "info" : show](line)
    },
  }
  try {
    const { stdout } = await runProgram(program, args, run)
    return { failed: false, stdout, stderr }
  } catch (error) {
    if (error instanceof AlcidesError && error.code === "program-failed") return { failed: true, stdout: "", stderr }
    throw error
  }
}

/** The non-empty lines of a program's output. */
export function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "")
}
