import { stateLock } from "../state/names.ts"
import { effectLock } from "./record-names.ts"
import type { EffectNode } from "./tree.ts"

/** One lock that an effect holds while it runs. */
export type Claim = {
  readonly lock: string
  readonly exclusive: boolean
  /** The state file that this lock guards. */
  readonly stateFile?: string
}

/** Everything an effect locks, always in the same order, so that no two effects wait for each other. */
export function claimsOf({ id, effect }: EffectNode): readonly Claim[] {
  const claims: readonly Claim[] = [
    { lock: effectLock(id), exclusive: true },
    ...effect.locks.map(({ name, shared }) => ({ lock: name, exclusive: shared !== true })),
    ...effect.state.map(({ name, access }) => ({
      lock: stateLock(name),
      exclusive: access === "write",
      stateFile: name,
    })),
  ]
  const merged = new Map<string, Claim>()
  for (const claim of claims) {
    const other = merged.get(claim.lock)
    merged.set(claim.lock, { ...other, ...claim, exclusive: claim.exclusive || other?.exclusive === true })
  }
  return [...merged.values()].toSorted((a, b) => (a.lock < b.lock ? -1 : 1))
}

/** Whether two effects must not run at the same time. */
export function conflict(a: readonly Claim[], b: readonly Claim[]): boolean {
  return a.some((mine) => b.some((theirs) => mine.lock === theirs.lock && (mine.exclusive || theirs.exclusive)))
}
