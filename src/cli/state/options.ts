import { Option } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { parseVersion } from "../../state/names.ts"

/** `--name`, which every command on one state file needs. */
export const nameOption = () =>
  new Option("--name <name>", "the state file's name, such as nixops-foo.json").makeOptionMandatory()

export const messageOption = () => new Option("--message <message>", "a word on why, for `alcides state history`")

export const noWaitOption = () => new Option("--no-wait", "exit 6 at once when another run holds the state file")

/** What `--file` names, as typed. Throws `file-unnamed`. */
export function fileArgument(text: string): string {
  // It would be the working directory, and is mostly a variable that is not set.
  if (text !== "") return text
  throw usageError({
    code: "file-unnamed",
    message: "--file names no file",
    hint: "name a file, or - for the standard input or output",
  })
}

/** A version as typed. Throws `version-invalid`. */
export function versionArgument(text: string): number {
  const version = parseVersion(text)
  if (version !== undefined) return version
  throw usageError({
    code: "version-invalid",
    message: `${JSON.stringify(text)} is no version`,
    hint: "versions count 1, 2, 3 …; `alcides state history` lists them",
  })
}
