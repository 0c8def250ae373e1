import { isAbsolute, join } from "node:path"
import { stateHome } from "../open.ts"

/**
 * Where this user's machine keeps what could not be put into a store: `$ALCIDES_KEPT`, else below the user's state. Programs of an effect
 * are told by that variable, as their own HOME ends with the effect.
 */
export function keptHome(env: Readonly<Record<string, string | undefined>>): string {
  const { ALCIDES_KEPT: told } = env
  return told !== undefined && isAbsolute(told) ? told : join(stateHome(env), "alcides", "kept")
}

/** The folder, below `dir`, of what one project could not put. */
export function keptFolderOf({ dir, project }: { readonly dir: string; readonly project: string }): string {
  return join(dir, project.replaceAll(/[^A-Za-z0-9._-]+/g, "-").slice(0, 200))
}

const keptAt = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d)-(\d{3}Z)-/

/** The name of what is kept at this time: `2026-11-21T10-34-22-867Z-nixops-foo.json`. */
export function keptName({ name, at }: { readonly name: string; readonly at: Date }): string {
  return `${at.toISOString().replaceAll(/[:.]/g, "-")}-${name}`
}

/** The opposite of `keptName`; `undefined` for what is named otherwise. `at` is ISO 8601. */
export function parseKeptName(entry: string): { readonly name: string; readonly at: string } | undefined {
  const [prefix = "", hours = "", minutes = "", seconds = "", rest = ""] = keptAt.exec(entry) ?? []
  if (prefix === "" || prefix.length === entry.length) return undefined
  return { name: entry.slice(prefix.length), at: `${hours}:${minutes}:${seconds}.${rest}` }
}
