import { readFile, readlink } from "node:fs/promises"
import { hostname } from "node:os"
import { processOf } from "./processes.ts"

/** One process of one machine, told apart from a later one of the same number. */
export type ProcessIdentity = {
  readonly pid: number
  readonly started: string
  /** A process number means something only on its machine, since its last start, and in its namespace. */
  readonly machine: string
}

/** The process that this program is. */
export async function thisProcess(): Promise<ProcessIdentity> {
  const [started, where] = await Promise.all([startOf(process.pid), machine()])
  return { pid: process.pid, started, machine: where }
}

/** Whether a process has ended. Of one on another machine, or in another container, nobody here can know: then false. */
export async function isGone({ pid, started, machine: where }: ProcessIdentity): Promise<boolean> {
  return where === (await machine()) && (await startOf(pid)) !== started
}

async function startOf(pid: number): Promise<string> {
  const entry = await processOf(pid)
  if (entry !== undefined) return entry.ended ? "gone" : entry.started
  return process.platform === "linux" || !isAlive(pid) ? "gone" : "alive"
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function machine(): Promise<string> {
  const [boot, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ])
  return [hostname(), boot.trim(), namespace].join(" ")
}
