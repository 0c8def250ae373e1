import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"

/** The line that another process writes into a file, as soon as it is whole; waits for it for ten seconds at least. */
export async function appears(path: string): Promise<string> {
  for (let turn = 0; turn < 500; turn += 1) {
    const content = existsSync(path) ? await readFile(path, "utf8") : ""
    if (content.endsWith("\n")) return content.trim()
    await sleep(20)
  }
  throw new Error(`${path} was never written`)
}

/** Whether a process runs or could go on; one that has ended and that nobody has asked about does not. */
export async function isAlive(pid: string): Promise<boolean> {
  return /\) [^ZX] /.test(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""))
}
