import { accessSync, constants, realpathSync, statSync } from "node:fs"
import { delimiter, isAbsolute, resolve } from "node:path"
import { usageError } from "../errors.ts"

/** The absolute path of a program on PATH, or `undefined`. Looks at once: each look takes microseconds, and a thread's turn for each many times that. */
export function findProgram(program: string, path: string | undefined): string | undefined {
  const candidates =
    isAbsolute(program) || program.includes("/")
      ? [program]
      : (path ?? "")
          .split(delimiter)
          .filter((dir) => dir !== "")
          .map((dir) => resolve(dir, program))
  return candidates.find(isExecutable)
}

/** As `findProgram`, with every symbolic link resolved: where its package really lies. */
export function findProgramHome(program: string, path: string | undefined): string | undefined {
  const found = findProgram(program, path)
  return found === undefined ? undefined : realpathSync(found)
}

function isExecutable(path: string): boolean {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** As `findProgram`; throws `program-not-found` (usage). */
export function requireProgram(program: string, path: string | undefined): string {
  const found = findProgram(program, path)
  if (found !== undefined) return found
  const isPath = program.includes("/")
  throw usageError({
    code: "program-not-found",
    message: isPath
      ? `${program} is no program: it does not exist, or may not be executed`
      : `${program} is not on PATH`,
    hint: isPath ? `mend the path, or chmod +x ${program}` : `install ${program}, or add its folder to PATH`,
  })
}
