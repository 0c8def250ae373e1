import type { Io } from "./io.ts"

/** The environment as programs take it, without the key to all state. */
export function definedOnly(env: Io["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || name === "ALCIDES_AGE_IDENTITY" ? [] : [[name, value]],
    ),
  )
}
