import { setTimeout as sleep } from "node:timers/promises"
import { processes } from "./processes.ts"

const alive = new Set<number>()
let watching = false
const hasProc = process.platform === "linux"

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

/** TERM for the whole group, and KILL for what still lives after `grace` seconds. Returns when nothing of it does. */
export async function endGroup(pid: number, grace: number): Promise<void> {
  signalGroup(pid, "SIGTERM")
  if (await isGone(pid, grace)) return
  signalGroup(pid, "SIGKILL")
  await isGone(pid, 1)
}

async function isGone(pid: number, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000
  for (let pause = 1; signalGroup(pid, 0); pause = Math.min(pause * 2, 100)) {
    // The dead count as members until somebody asks for them, and in a container often nobody does.
    if (hasProc && pause > 16 && !(await processes()).some(({ group, ended }) => group === pid && !ended)) return true
    if (performance.now() > deadline) return false
    await sleep(pause)
  }
  return true
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
