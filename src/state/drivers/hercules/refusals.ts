import { AlcidesError, Exit, type ExitCode } from "../../../errors.ts"
import type { Refusal } from "./failures.ts"

const known: Readonly<Record<string, ExitCode>> = {
  "state-conflict": Exit.failed,
  "state-encryption-expected": Exit.failed,
  "state-locked": Exit.notLocked,
  "lease-lost": Exit.notLocked,
}

/** A refusal by `alcides serve state`, which says more than a status: as the store behind it said it. */
export function knownRefusal({ code, said }: Refusal): AlcidesError | undefined {
  const exit = code === undefined ? undefined : known[code]
  return code === undefined || exit === undefined ? undefined : new AlcidesError({ code, message: said, exit })
}
