import pLimit from "p-limit"
import { runProgram } from "../exec.ts"

export type GitOptions = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** What git prints; or, when it says no, why: the first line of its words. */
export type GitAnswer =
  | { readonly answer: string; readonly refusal?: never }
  | { readonly refusal: string; readonly answer?: never }

// What says where the repository is, and who may look at it.
const kept = new Set([
  "PATH",
  "HOME",
  "SUDO_UID",
  "XDG_CONFIG_HOME",
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_CONFIG_COUNT",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_NOSYSTEM",
  "GIT_CONFIG_PARAMETERS",
  "GIT_CONFIG_SYSTEM",
])

// A plan of hundreds of effects asks about as many commits.
const limit = pLimit(8)

/** Asks git one question. Throws `program-not-found`, and what `runProgram` throws for a git that breaks. */
export function askGit(args: readonly string[], { env, cwd }: GitOptions): Promise<GitAnswer> {
  return limit(async () => {
    const clean = Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) =>
        value !== undefined && (kept.has(name) || /^GIT_CONFIG_(KEY|VALUE)_/.test(name)) ? [[name, value]] : [],
      ),
    )
    let refusal: string | undefined
    const { exitCode, stdout } = await runProgram("git", args, {
      // A clone that fetches what is missing would answer for the network, and ask for passwords.
      env: { ...clean, LC_ALL: "C", GIT_NO_LAZY_FETCH: "1", GIT_TERMINAL_PROMPT: "0" },
      cwd,
      timeout: 60,
      success: [0, 1, 128],
      onLine: (line, from) => {
        if (from === "stderr") refusal ??= line.replace(/^(fatal|error): /, "")
      },
    })
    return exitCode === 0 ? { answer: stdout.trim() } : { refusal: refusal ?? "no" }
  })
}
