import { patience as patienceWithin, type Limits, type Patience } from "../patience.ts"
import { attemptsFor, type Failure } from "./failures.ts"

const limits: Limits = { deadline: 60_000, firstPause: 100, longestPause: 5_000, mostAttempts: 16 }

/** How long one operation goes on after failures: about a minute. */
export function patience(): Patience<Failure> {
  return patienceWithin(limits, attemptsFor)
}
