import { Option } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { leaseId } from "../../state/locks/surrounding-lease.ts"

/** Seconds that a lease lasts which nobody renews in the background. */
export const unattendedTtl = 600

const longestTtl = 24 * 3600

/** `--name`, which every command on one lock needs. */
export const nameOption = () => new Option("--name <name>", "the lock's name, such as production").makeOptionMandatory()

export const leaseIdOption = () =>
  new Option("--lease-id <uuid>", "what `alcides lock acquire` printed")
    .argParser((text) => leaseId(text))
    .makeOptionMandatory()

export const nonExclusiveOption = () =>
  new Option("--non-exclusive", "share it with other non-exclusive holders; it only keeps exclusive ones out")

export const noWaitOption = () => new Option("--no-wait", "exit 6 at once when it is held")

export const ttlOption = (what: string) => new Option("--ttl <seconds>", what).argParser(ttlArgument)

const longestGrace = 3600

export const graceOption = () =>
  new Option("--grace <seconds>", "how long COMMAND may take to end after TERM, before KILL")
    .argParser(graceArgument)
    .default(10)

function graceArgument(text: string): number {
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : -1
  if (seconds >= 0 && seconds <= longestGrace) return seconds
  throw usageError({
    code: "grace-invalid",
    message: `--grace: ${JSON.stringify(text)} is no number of seconds`,
    hint: `write a whole number from 0 to ${longestGrace}`,
  })
}

function ttlArgument(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (seconds >= 1 && seconds <= longestTtl) return seconds
  throw usageError({
    code: "ttl-invalid",
    message: `--ttl: ${JSON.stringify(text)} is no number of seconds`,
    hint: `write a whole number from 1 to ${longestTtl}`,
  })
}
