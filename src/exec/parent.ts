import { realpath } from "node:fs/promises"
import { basename } from "node:path"
import { findProgram } from "./find.ts"

export type CommandLine = { readonly file: string; readonly args: readonly string[] }

const deathSignal = ["--pdeathsig", "KILL", "--"]

/** Linux kills the program with us even when we are killed with KILL; elsewhere only a regular end takes it along. */
export async function dyingWithParent(
  { file, args }: CommandLine,
  searchPath: string | undefined,
): Promise<CommandLine> {
  const setpriv = process.platform === "linux" ? await findProgram("setpriv", searchPath) : undefined
  if (setpriv === undefined || !(await knowsDeathSignal(setpriv))) return { file, args }
  return { file: setpriv, args: [...deathSignal, file, ...args] }
}

// The setpriv of BusyBox, as on Alpine, does not know it; it is a link to a program of another name.
async function knowsDeathSignal(setpriv: string): Promise<boolean> {
  return basename(await realpath(setpriv)) === "setpriv"
}
