import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { processNumbers, processOf } from "./processes.ts"

// In milliseconds.
const patience = 2000
const longestStart = 50

/**
 * Ends every process that was started with this variable in its environment: what daemonised, too. TERM, and KILL after two
 * seconds. Only where there is a /proc; elsewhere it does nothing.
 */
export async function endProcessesWith(variable: string): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const began = performance.now()
    const told = new Set<number>()
    for (;;) {
      const { found, starting } = await look(variable)
      for (const pid of found) if (!told.has(pid)) send(pid, signal)
      for (const pid of found) told.add(pid)
      const waited = performance.now() - began
      if (found.length === 0 && (!starting || waited > longestStart)) return
      if (waited > patience) break
      await sleep(10)
    }
  }
}

type Found = {
  readonly found: readonly number[]
  /** A process that changes into another program just now has no environment for a moment. */
  readonly starting: boolean
}

// Read at once: what /proc holds is in memory, and there may be hundreds of processes.
async function look(variable: string): Promise<Found> {
  const found: number[] = []
  const empty: number[] = []
  for (const pid of processNumbers()) {
    const environment = pid === process.pid ? undefined : environmentOf(pid)
    if (environment === "") empty.push(pid)
    if (environment?.split("\0").includes(variable) === true) found.push(pid)
  }
  const unclear = await Promise.all(empty.map(processOf))
  // Threads of the kernel have no environment and no group, and what has ended has none either.
  return { found, starting: unclear.some((entry) => entry !== undefined && entry.group !== 0 && !entry.ended) }
}

function environmentOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8")
  } catch {
    // It has ended, or is somebody else's.
    return undefined
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}
