import type { StateVersion } from "../../state/store.ts"

/** Whether a table of these versions needs a column that says which are encrypted. */
export function hasEncrypted(versions: readonly StateVersion[]): boolean {
  return versions.some(({ encrypted }) => encrypted !== undefined)
}

/** Whether a version is encrypted, and for how many. */
export function encryptedCell({ encrypted, deleted }: StateVersion): string {
  if (deleted === true) return ""
  if (encrypted === undefined) return "no"
  const { length } = encrypted.recipients
  return `for ${length} ${length === 1 ? "key" : "keys"}`
}
