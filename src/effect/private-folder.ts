import { rmSync, type Dirent } from "node:fs"
import { chmod, lstat, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { AlcidesError, unlessMissing } from "../errors.ts"
import { endProcessesWith } from "../exec.ts"
import { makeFolders } from "../folders.ts"
import { writeOwner } from "./owner.ts"

/** The private folders of one effect, all 0700. */
export type PrivateFolder = {
  readonly path: string
  /** HOME of the effect's programs; secrets are written here and nowhere else. */
  readonly home: string
  /** State files, and what they are made from. */
  readonly state: string
  readonly tmp: string
  /** From now on the state outlives this process: the next run keeps it. */
  markStateOpen(): Promise<void>
  /** The state is safe in the store, or in the place that was told. */
  markStateSafe(): Promise<void>
  /** Ends what the effect left running, and removes everything but a state that is not safe. */
  remove(): Promise<void>
}

const stateOpenFile = "state-open"

/** Makes the private folders of one effect below `parent`. Throws `private-folder-unsafe`. */
export async function createPrivateFolder({
  parent,
  effect,
  project,
  keepIn,
}: {
  readonly parent: string
  readonly effect: string
  /** As `formatProject` writes it. */
  readonly project: string
  /** Where state is kept that is not put, also by another run after this one was killed. */
  readonly keepIn: string
}): Promise<PrivateFolder> {
  await claimParent(parent)
  // Short names: ssh puts sockets below HOME, and a socket's path has some 100 bytes.
  const { path } = await dir({ tmpdir: parent, prefix: "run", mode: 0o700 })
  await writeOwner(path, { effect, project, keepIn })
  const [home, state, tmp] = [homeOf(path), stateOf(path), join(path, "tmp")]
  await Promise.all([home, state, tmp].map((folder) => mkdir(folder, { mode: 0o700 })))
  const forget = removeAtExit([home, tmp])
  return {
    path,
    home,
    state,
    tmp,
    markStateOpen: () => writeFile(join(path, stateOpenFile), "", { mode: 0o600 }),
    markStateSafe: () => rm(join(path, stateOpenFile), { force: true }),
    async remove() {
      await endProcessesWith(`HOME=${home}`)
      await Promise.all((await hasOpenState(path)) ? [home, tmp].map(removeFolder) : [removeFolder(path)])
      forget()
    },
  }
}

/** The HOME in a private folder. */
export function homeOf(path: string): string {
  return join(path, "home")
}

/** The place of state in a private folder. */
export function stateOf(path: string): string {
  return join(path, "state")
}

/** Whether a private folder's state was fetched, and is not known to be safe. */
export async function hasOpenState(path: string): Promise<boolean> {
  return (await unlessMissing(stat(join(path, stateOpenFile)), undefined)) !== undefined
}

/** Removes a folder, also where the effect took its own right to write away, as Go's module cache does. */
export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
  } catch {
    await makeWritable(path)
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function makeWritable(path: string): Promise<void> {
  await chmod(path, 0o700)
  const entries: readonly Dirent[] = await readdir(path, { withFileTypes: true })
  await Promise.all(entries.filter((entry) => entry.isDirectory()).map(({ name }) => makeWritable(join(path, name))))
}

const atExit = new Set<readonly string[]>()
let watching = false

// A second signal, or an error that nobody caught, ends this process at once: what is secret goes all the same.
function removeAtExit(folders: readonly string[]): () => void {
  atExit.add(folders)
  if (!watching) {
    watching = true
    process.once("exit", () => {
      for (const folder of [...atExit].flat()) removeNow(folder)
    })
  }
  return () => void atExit.delete(folders)
}

function removeNow(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch {
    // The next run removes what is left.
  }
}

// Somebody else could have made the folder first, or a link in its place, to read what we put there.
async function claimParent(parent: string): Promise<void> {
  await makeFolders(parent)
  const found = await lstat(parent)
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0) return
  throw new AlcidesError({
    code: "private-folder-unsafe",
    message: `${parent} is no folder of this user alone`,
    hint: "remove it, or set TMPDIR to a folder of your own",
  })
}
