import { chmod, cp, mkdir, readFile, readdir, readlink, rm, stat, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"
import { dir } from "tmp-promise"
import * as z from "zod"
import { AlcidesError } from "../errors.ts"

/** The private folders of one effect, all 0700. */
export type PrivateFolder = {
  readonly path: string
  /** HOME of the effect's programs; secrets are written here and nowhere else. */
  readonly home: string
  /** State files, and what they are made from. */
  readonly state: string
  readonly tmp: string
  /** From now on, a killed run's state is kept by the next run. */
  markStateOpen(): Promise<void>
  /** The state is safe in the store, or in the place that was told. */
  markStateSafe(): Promise<void>
  remove(): Promise<void>
}

const ownerFile = "owner.json"
const stateOpenFile = "state-open"

const ownerSchema = z.object({
  pid: z.int(),
  started: z.string(),
  /** A process number means something only on its machine and in its namespace. */
  machine: z.string(),
  effect: z.string(),
})

/** Makes the private folders of one effect below `parent`. */
export async function createPrivateFolder({
  parent,
  effect,
}: {
  readonly parent: string
  readonly effect: string
}): Promise<PrivateFolder> {
  await claimParent(parent)
  // Short names: ssh puts sockets below HOME, and a socket's path has some 100 bytes.
  const { path } = await dir({ tmpdir: parent, prefix: "run", mode: 0o700 })
  const started = await startTime(process.pid)
  await writeFile(
    join(path, ownerFile),
    JSON.stringify({ pid: process.pid, started, machine: await machine(), effect }),
    { mode: 0o600 },
  )
  const [home, state, tmp] = [join(path, "home"), join(path, "state"), join(path, "tmp")]
  await Promise.all([home, state, tmp].map((folder) => mkdir(folder, { mode: 0o700 })))
  const marker = join(path, stateOpenFile)
  return {
    path,
    home,
    state,
    tmp,
    markStateOpen: () => writeFile(marker, "", { mode: 0o600 }),
    markStateSafe: () => rm(marker, { force: true }),
    remove: () => removeFolder(path),
  }
}

export type Salvaged = {
  readonly effect: string
  /** Where the state of the killed run was kept. */ readonly kept: string
}

/**
 * Removes the private folders of runs that were killed, secrets first, and keeps their state where it had not been put yet.
 * Folders of living runs, and of runs on other machines, are left alone.
 */
export async function cleanAbandoned({
  parent,
  keepIn,
}: {
  readonly parent: string
  readonly keepIn: string
}): Promise<readonly Salvaged[]> {
  const salvaged: Salvaged[] = []
  const here = await machine()
  for (const name of await readdir(parent).catch(() => [])) {
    const path = join(parent, name)
    const owner = await readOwner(path)
    if (owner === undefined || owner.machine !== here || (await startTime(owner.pid)) === owner.started) continue
    await rm(join(path, "home"), { recursive: true, force: true })
    if (await exists(join(path, stateOpenFile))) {
      const kept = join(keepIn, `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-${owner.effect}`)
      await mkdir(keepIn, { recursive: true, mode: 0o700 })
      await cp(join(path, "state"), kept, { recursive: true, preserveTimestamps: true })
      await chmod(kept, 0o700)
      salvaged.push({ effect: owner.effect, kept })
    }
    await removeFolder(path)
  }
  return salvaged
}

// Somebody else could have made the folder first, to read what we put there.
async function claimParent(parent: string): Promise<void> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const { uid, mode } = await stat(parent)
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return
  throw new AlcidesError({
    code: "private-folder-unsafe",
    message: `${parent} belongs to somebody else, or others can read it`,
    hint: "remove it, or set TMPDIR to a folder of your own",
  })
}

async function readOwner(path: string): Promise<z.infer<typeof ownerSchema> | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(join(path, ownerFile), "utf8")))
  } catch {
    // A folder that is being made just now, or none of ours.
    return undefined
  }
}

// The nineteenth field after the name in brackets; see proc(5). Together with the number it names one process.
async function startTime(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  if (text === undefined) return process.platform === "linux" ? "gone" : isAlive(pid)
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "gone"
}

function isAlive(pid: number): string {
  try {
    process.kill(pid, 0)
    return "alive"
  } catch {
    return "gone"
  }
}

async function machine(): Promise<string> {
  const [boot, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ])
  return [hostname(), boot.trim(), namespace].join(" ")
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}
