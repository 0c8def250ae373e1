import { setTimeout as sleep } from "node:timers/promises"

const alive = new Set<number>()
let watching = false

/** Remembers a process group, so that it does not outlive us. Returns how to forget it. */
export function trackGroup(pid: number): () => void {
  alive.add(pid)
  if (!watching) {
    watching = true
    process.once("exit", () => {
      for (const group of alive) signalGroup(group, "SIGKILL")
    })
  }
  return () => void alive.delete(pid)
}

/** TERM for the whole group, and KILL after `grace` seconds if it is still there. */
export function endGroup(pid: number, grace: number): void {
  if (!signalGroup(pid, "SIGTERM")) return
  setTimeout(() => signalGroup(pid, "SIGKILL"), grace * 1000).unref()
}

/** Waits until nothing of an ended program's group is left; what is still there after `grace` seconds gets KILL. */
export async function groupEnded(pid: number, grace: number): Promise<void> {
  const deadline = Date.now() + grace * 1000
  while (signalGroup(pid, 0)) {
    if (Date.now() > deadline) return void signalGroup(pid, "SIGKILL")
    await sleep(50)
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    // ESRCH: the group has ended by itself.
    return false
  }
}
