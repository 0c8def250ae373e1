import { AlcidesError, Exit, usageError } from "../errors.ts"
import type { Lease } from "./store.ts"

/** The lease is no longer ours; whatever it protected must stop. */
export function leaseLost({ lease, why }: { readonly lease: string; readonly why: string }): AlcidesError {
  return new AlcidesError({
    code: "lease-lost",
    message: `the lease ${lease} is no longer held: ${why}`,
    hint: "nothing was written under it; acquire the lock again, then read the state again before you write",
    exit: Exit.notLocked,
  })
}

/** The storage answered with something that no Alcides wrote. */
export function storeDamaged({
  where,
  what,
  cause,
}: {
  readonly where: string
  readonly what: string
  readonly cause?: unknown
}): AlcidesError {
  return new AlcidesError({
    code: "store-damaged",
    message: `the state store is damaged: ${where} ${what}`,
    hint: "restore it from a backup; nothing was changed",
    cause,
  })
}

/** A format number above ours. */
export function formatTooNew({ where, format }: { readonly where: string; readonly format: number }): AlcidesError {
  return usageError({
    code: "store-format-unknown",
    message: `${where} was written by a newer Alcides (format ${format}; this one reads format 1)`,
    hint: "use the version of Alcides that the others use with this store",
  })
}

/** Something in the store has fields that only a later version of Alcides can have written. */
export function fieldUnknown({
  where,
  fields,
}: {
  readonly where: string
  readonly fields: readonly string[]
}): AlcidesError {
  return usageError({
    code: "store-format-unknown",
    message: `${where} was written by a newer Alcides: it has ${fields.map((field) => JSON.stringify(field)).join(", ")}, which this one does not know`,
    hint: "use the version of Alcides that the others use with this store",
  })
}

/** Who holds it, where, why, since when and until when, on one line. */
export function describeLease({ holder, description, acquired, expires }: Lease): string {
  const { by, host, runUrl } = holder
  const where = host === undefined || by.endsWith(`@${host}`) ? "" : ` on ${host}`
  const run = runUrl === undefined ? "" : `, in ${runUrl}`
  return `${by}${where} (${description || "no description"}) since ${acquired}, until ${expires} unless renewed${run}`
}
