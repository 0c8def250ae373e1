import type { Io } from "./io.ts"

/** The environment as programs take it. */
export function definedOnly(env: Io["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
