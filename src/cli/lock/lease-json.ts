import type { Lease } from "../../state/store.ts"

/** What `hci` prints of a lease, and what its users' scripts read. */
export function leaseJson({ id, expires }: Lease): string {
  return `${JSON.stringify({ leaseId: id, expirationTime: expires })}\n`
}
