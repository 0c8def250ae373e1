import { usageError } from "../../errors.ts"
import type { LeaseId, StateStore } from "../store.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** What a program is told of the lease that it runs under: in our own words, and in those of `hci`. */
export function leaseVariables({ id }: LeaseId, { url }: Pick<StateStore, "url">): Readonly<Record<string, string>> {
  return { ALCIDES_LOCK_LEASE_ID: id, HERCULES_CI_LOCK_LEASE_ID: id, ALCIDES_LOCK_STORE: url }
}

/** The lease that the program around us holds in this store, as `lock run` and effects tell it. Throws `lease-id-invalid`. */
export function surroundingLease(
  env: Environment,
  {
    store: { url },
    isNested = true,
  }: {
    readonly store: Pick<StateStore, "url">
    /** Whether it is one of this store's when `ALCIDES_LOCK_STORE` does not tell, as in scripts that acquire by themselves. Default: true. */
    readonly isNested?: boolean
  },
): string | undefined {
  const { ALCIDES_LOCK_STORE: told = "" } = env
  if (told === "" ? !isNested : !isSameStore(told, url)) return undefined
  for (const variable of ["ALCIDES_LOCK_LEASE_ID", "HERCULES_CI_LOCK_LEASE_ID"]) {
    const id = env[variable]
    if (id !== undefined && id !== "") return leaseId(id, variable)
  }
  return undefined
}

// Whether a folder may be made is said of a store, and makes it no other.
function isSameStore(one: string, other: string): boolean {
  const plain = (url: string): string => url.replace(/^(file:.*)\?create=never$/, "$1")
  return plain(one) === plain(other)
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
