import type { ApiLease } from "../../hercules/api.ts"
import { formatProject } from "../../names.ts"
import type { Lease } from "../../store.ts"
import { jobUrl, type Server } from "./versions.ts"

/** The server gives no fencing tokens, and a number that protects nothing must not look like one that does. */
export const noToken = 0

/** A lease that is in the way, as far as the server tells. */
export function blockingLease(lock: string, lease: ApiLease, { base }: Server): Lease {
  const { id, exclusive, description, user, job, parent, startTime, expirationTime } = lease
  const path =
    job === null
      ? ""
      : formatProject({ site: job.project.owner.site.name, owner: job.project.owner.name, name: job.project.name })
  return {
    id,
    lock,
    exclusive,
    description,
    holder: {
      by: user?.displayName ?? (job === null ? "unknown" : `job ${job.index} of ${path}`),
      ...(job !== null && { runUrl: jobUrl({ base, path, index: job.index }) }),
    },
    ...(parent !== null && { parent }),
    token: noToken,
    acquired: startTime,
    expires: expirationTime,
  }
}

/** A lease of another program: the server tells nothing of it but its end. */
export function strangeLease(id: string, expires: string): Lease {
  return {
    id,
    lock: "unknown",
    exclusive: true,
    description: "",
    holder: { by: "unknown" },
    token: noToken,
    acquired: expires,
    expires,
  }
}
