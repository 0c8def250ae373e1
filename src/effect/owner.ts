import { readFile, readlink, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"
import { processOf } from "../exec.ts"
import * as z from "../schema.ts"

const ownerSchema = z.object({
  pid: z.int(),
  started: z.string(),
  /** A process number means something only on its machine and in its namespace. */
  machine: z.string(),
  effect: z.string(),
  project: z.string(),
})

/** Which process a private folder belongs to, and for which effect. */
export type Owner = z.infer<typeof ownerSchema>

const ownerFile = "owner.json"

/** Says in a folder that it is ours. */
export async function writeOwner(folder: string, work: Pick<Owner, "effect" | "project">): Promise<void> {
  const owner: Owner = { pid: process.pid, started: await startOf(process.pid), machine: await machine(), ...work }
  await writeFile(join(folder, ownerFile), JSON.stringify(owner), { mode: 0o600 })
}

/** The owner of a folder; `undefined` for one that is being made just now, or none of ours. */
export async function readOwner(folder: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(join(folder, ownerFile), "utf8")))
  } catch {
    return undefined
  }
}

/** Whether the owner has ended. Of a process on another machine, or in another container, nobody here can know: then false. */
export async function isGone({ pid, started, machine: where }: Omit<Owner, "effect" | "project">): Promise<boolean> {
  return where === (await machine()) && (await startOf(pid)) !== started
}

/** This process, as the owner of something. */
export async function thisProcess(): Promise<Omit<Owner, "effect" | "project">> {
  return { pid: process.pid, started: await startOf(process.pid), machine: await machine() }
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
