import type { Io } from "../io.ts"
import { usageError } from "../../errors.ts"

/** The lease that the program around us holds, as `lock run` and effects tell it. Throws `lease-id-invalid`. */
export function parentLease({ env }: Pick<Io, "env">): string | undefined {
  for (const variable of ["ALCIDES_LOCK_LEASE_ID", "HERCULES_CI_LOCK_LEASE_ID"]) {
    const id = env[variable]
    if (id !== undefined && id !== "") return leaseId(id, variable)
  }
  return undefined
}

/** A lease id as typed. Throws `lease-id-invalid`. */
export function leaseId(text: string, where = "--lease-id"): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase()
  throw usageError({
    code: "lease-id-invalid",
    message: `${where} is no lease id: ${JSON.stringify(text)}`,
    hint: "a lease id is the UUID that `alcides lock acquire` prints",
  })
}
