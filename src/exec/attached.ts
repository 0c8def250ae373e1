import { execa } from "execa"
import { AlcidesError } from "../errors.ts"
import { requireProgram } from "./find.ts"
import { endGroup, trackGroup } from "./group.ts"
import { aborted, exitCodeOf, notStarted } from "./outcome.ts"
import { dyingWithParent } from "./parent.ts"

export type AttachedOptions = {
  /** The whole environment of the program: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Seconds between TERM and KILL. Default: 10. */
  readonly grace?: number
}

/**
 * Runs a program on our own standard streams and returns its exit code, 128+n for a signal. Aborted, it and what it started
 * get TERM, then KILL. Throws `program-not-found` (usage), `program-failed` when it cannot be started, and `program-aborted`
 * when it was not to be started any more.
 */
export async function runAttached(
  program: string,
  args: readonly string[],
  { env, signal, grace = 10 }: AttachedOptions,
): Promise<number> {
  const path = requireProgram(program, env["PATH"])
  const { file, args: argv } = dyingWithParent({ file: path, args }, env["PATH"])
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
  let ending: Promise<void> | undefined
  const end = (): void => {
    if (group !== undefined) ending ??= endGroup(group, grace)
    // Ctrl-C has reached it already, from the terminal.
    else if (!isKeyboard(signal?.reason)) child.kill("SIGTERM")
  }
  signal?.addEventListener("abort", end, { once: true })
  try {
    const result = await child
    await ending
    if (result.exitCode === undefined && result.signal === undefined) throw notStarted(program, result)
    return exitCodeOf(result)
  } finally {
    signal?.removeEventListener("abort", end)
    untrack()
  }
}

function isKeyboard(reason: unknown): boolean {
  return reason instanceof AlcidesError && reason.code === "interrupted"
}
