import { basename } from "node:path"
import { findProgramHome } from "./find.ts"

export type CommandLine = { readonly file: string; readonly args: readonly string[] }

/** Linux kills the program with us even when we are killed with KILL; elsewhere only a regular end takes it along. */
export function dyingWithParent({ file, args }: CommandLine, searchPath: string | undefined): CommandLine {
  const setpriv = process.platform === "linux" ? findProgramHome("setpriv", searchPath) : undefined
  // BusyBox, as on Alpine, has one under this name that does not know the option.
  if (setpriv === undefined || basename(setpriv) !== "setpriv") return { file, args }
  return { file: setpriv, args: ["--pdeathsig", "KILL", "--", file, ...args] }
}
