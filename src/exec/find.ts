import { constants } from "node:fs"
import { access, realpath, stat } from "node:fs/promises"
import { delimiter, isAbsolute, join } from "node:path"
import { usageError } from "../errors.ts"

/** The absolute path of a program on PATH, or `undefined`. */
export async function findProgram(program: string, path: string | undefined): Promise<string | undefined> {
  const candidates =
    isAbsolute(program) || program.includes("/")
      ? [program]
      : (path ?? "")
          .split(delimiter)
          .filter((dir) => dir !== "")
          .map((dir) => join(dir, program))
  // All at once: one after the other, a long PATH takes longer than the program.
  const executable = await Promise.all(candidates.map(isExecutable))
  return candidates[executable.indexOf(true)]
}

/** As `findProgram`, with every symbolic link resolved: where its package really lies. */
export async function findProgramHome(program: string, path: string | undefined): Promise<string | undefined> {
  const found = await findProgram(program, path)
  return found === undefined ? undefined : realpath(found)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** As `findProgram`; throws `program-not-found` (usage). */
export async function requireProgram(program: string, path: string | undefined): Promise<string> {
  const found = await findProgram(program, path)
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
