import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { processes } from "./processes.ts"

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

async function look(variable: string): Promise<Found> {
  // Threads of the kernel have no group.
  const others = (await processes()).filter(({ pid, group, ended }) => pid !== process.pid && group !== 0 && !ended)
  const environments = await Promise.all(
    others.map(async ({ pid }) => ({
      pid,
      // Somebody else's may not be read.
      environment: await readFile(`/proc/${pid}/environ`, "utf8").catch(() => undefined),
    })),
  )
  return {
    found: environments.flatMap(({ pid, environment }) =>
      environment?.split("\0").includes(variable) === true ? [pid] : [],
    ),
    starting: environments.some(({ environment }) => environment === ""),
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}
