import { readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { unlessMissing } from "../../errors.ts"
import { keptFileOf, readAbout, type KeptAbout } from "./about.ts"
import { readable } from "./failures.ts"
import { parseKeptName } from "./place.ts"

/** Something that could not be put. */
export type Kept = {
  readonly path: string
  /** A state file, or a folder with everything that an effect makes its state from. */
  readonly kind: "file" | "folder"
  /** The state file's name, or the effect's. */
  readonly name: string
  /** ISO 8601, by this machine's clock. */
  readonly at: string
  /** What is known of a file; nothing of one that an earlier version of Alcides kept. */
  readonly about?: KeptAbout
}

/** Everything that is kept below `dir`, for whichever project; the oldest first. */
export async function listKept(dir: string): Promise<readonly Kept[]> {
  const folders = await readable(dir, unlessMissing(readdir(dir, { withFileTypes: true }), []))
  const found = await Promise.all(
    folders.filter((entry) => entry.isDirectory()).map((entry) => keptIn(join(dir, entry.name))),
  )
  return found.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

/** What is kept in the folder of one project. */
export async function keptIn(folder: string): Promise<readonly Kept[]> {
  const entries = await readable(folder, unlessMissing(readdir(folder, { withFileTypes: true }), []))
  const kept: Kept[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    const parsed = parseKeptName(entry.name)
    if (parsed === undefined) continue
    const { name, at } = parsed
    if (entry.isDirectory()) kept.push({ path, kind: "folder", name: name.slice(0, name.lastIndexOf("-")), at })
    else if (entry.isFile() && (await keptFileOf(path)) === undefined) kept.push(await keptFile(path, { name, at }))
  }
  return kept
}

/** A kept file by its path, also one that was moved and renamed together with the file beside it. */
export async function keptFileAt(path: string): Promise<Kept | undefined> {
  const info = await readable(path, unlessMissing(stat(path), undefined))
  if (info?.isFile() !== true) return undefined
  return keptFile(path, { name: "", at: info.mtime.toISOString() })
}

async function keptFile(path: string, named: Pick<Kept, "name" | "at">): Promise<Kept> {
  const about = await readAbout(path)
  if (about === undefined) return { path, kind: "file", ...named }
  return { path, kind: "file", name: about.name, at: about.kept, about }
}

// What a killed program left half-done is told from what one is doing just now by its age, in milliseconds.
const leftoverAge = 24 * 3600_000

/** Removes what killed programs left half-done below `dir`: no kept file is among it. */
export async function sweepKept(dir: string): Promise<void> {
  for (const entry of await unlessMissing(readdir(dir, { withFileTypes: true }), [])) {
    if (entry.isDirectory()) await sweepFolder(join(dir, entry.name))
  }
}

async function sweepFolder(folder: string): Promise<void> {
  for (const entry of await unlessMissing(readdir(folder), [])) {
    const path = join(folder, entry)
    const kept = entry.endsWith(".partial") && entry.startsWith(".") ? "" : await keptFileOf(path)
    if (kept === undefined || (kept !== "" && (await isThere(kept)))) continue
    const info = await unlessMissing(stat(path), undefined)
    if (info !== undefined && info.mtimeMs + leftoverAge < Date.now()) await rm(path, { force: true })
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await unlessMissing(stat(path), undefined)) !== undefined
}
