import { readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"

export type ProcessEntry = {
  readonly pid: number
  readonly group: number
  /** It has ended, and waits for its parent to notice. */
  readonly ended: boolean
  /** Together with the number, this names one process: numbers are used again. */
  readonly started: string
}

/** The process of this number; `undefined` when there is none, or no /proc to look it up. */
export async function processOf(pid: number): Promise<ProcessEntry | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  if (text === undefined) return undefined
  // The name in brackets may hold anything; see proc(5) for the fields behind it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const [state = "", , group = ""] = fields
  return { pid, group: Number(group), ended: state === "Z" || state === "X", started: fields[19] ?? "" }
}

/** The numbers of all processes that can be seen; empty without /proc. */
export function processNumbers(): readonly number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

/** Every process that can be seen; empty without /proc. */
export async function processes(): Promise<readonly ProcessEntry[]> {
  const entries = await Promise.all(processNumbers().map(processOf))
  return entries.filter((entry) => entry !== undefined)
}
