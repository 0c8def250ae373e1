import { tmpdir } from "node:os"
import { dirname } from "node:path"
import { AlcidesError, messageOf, usageError } from "../errors.ts"

/** What this machine lacks for any command at all; `undefined` for every other error. */
export function systemFailure(error: unknown): AlcidesError | undefined {
  if (!(error instanceof Error) || !("syscall" in error)) return undefined
  if (error.syscall === "uv_os_homedir") {
    return usageError({
      code: "home-unknown",
      message: "HOME is not set, and this user has no home folder",
      hint: "set HOME to a folder that this user may write",
      cause: error,
    })
  }
  const folder = tmpdir()
  if (!("path" in error) || typeof error.path !== "string") return undefined
  if (error.path !== folder && dirname(error.path) !== folder) return undefined
  return new AlcidesError({
    code: "temporary-folder-unusable",
    message: `the folder for temporary files cannot be used: ${messageOf(error)}`,
    hint: "set TMPDIR to a folder that exists, has space, and that this user may write",
    cause: error,
  })
}
