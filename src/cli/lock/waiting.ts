import { describeLease } from "../../state/failures.ts"
import type { LeaseAnswer } from "../../state/store.ts"
import type { Io } from "../io.ts"
import { printable } from "../printable.ts"

type Blocked = Extract<LeaseAnswer, { readonly outcome: "blocked" }>

/** Says on standard error what a waiting command waits for, each time that this changes. */
export function tellWaiting({ stderr }: Io, lock: string): (blocked: Blocked) => void {
  return ({ by, ahead }) => {
    const holders = by.map((lease) => `held by ${describeLease(lease)}`)
    const queue = ahead === 0 ? [] : [`${ahead} asked before`]
    stderr.write(`waiting for the lock ${printable([lock, ...holders, ...queue].join("; "))}\n`)
  }
}
