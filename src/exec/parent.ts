import { execa } from "execa"
import { findProgram } from "./find.ts"

export type CommandLine = { readonly file: string; readonly args: readonly string[] }

const deathSignal = ["--pdeathsig", "KILL", "--"]
const able = new Map<string, Promise<boolean>>()

/** Linux kills the program with us even when we are killed with KILL; elsewhere only a regular end takes it along. */
export async function dyingWithParent(
  { file, args }: CommandLine,
  searchPath: string | undefined,
): Promise<CommandLine> {
  const setpriv = process.platform === "linux" ? await findProgram("setpriv", searchPath) : undefined
  if (setpriv === undefined || !(await knowsDeathSignal(setpriv))) return { file, args }
  return { file: setpriv, args: [...deathSignal, file, ...args] }
}

// BusyBox, as on Alpine, has a setpriv that does not know it.
function knowsDeathSignal(setpriv: string): Promise<boolean> {
  const known = able.get(setpriv)
  if (known !== undefined) return known
  const asked = execa(setpriv, [...deathSignal, setpriv, "--help"], { reject: false, stdio: "ignore" }).then(
    ({ failed }) => !failed,
  )
  able.set(setpriv, asked)
  return asked
}
