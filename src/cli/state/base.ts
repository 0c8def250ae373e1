import { usageError } from "../../errors.ts"
import { parseVersion } from "../../state/names.ts"
import type { StateStore } from "../../state/store.ts"

/** The version that a write must follow. */
export type KnownBase = number | "absent"

/** `--on-top-of` as typed. Throws `version-invalid`. */
export function baseArgument(text: string): KnownBase {
  if (text === "absent") return "absent"
  const version = parseVersion(text)
  if (version !== undefined) return version
  throw usageError({
    code: "version-invalid",
    message: `--on-top-of: ${JSON.stringify(text)} is no version`,
    hint: "name the version that your change was made from, such as 3, or `absent` for a new state file",
  })
}

/** The version that is current now. */
export async function currentBase(store: StateStore, name: string): Promise<KnownBase> {
  const [newest] = (await store.history(name)) ?? []
  return newest === undefined || newest.deleted === true ? "absent" : newest.version
}
