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

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    // ESRCH: the group has ended by itself.
    return false
  }
}
