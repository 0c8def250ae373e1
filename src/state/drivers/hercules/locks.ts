import { createHash } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import { AlcidesError } from "../../../errors.ts"
import { leaseLost } from "../../failures.ts"
import {
  acquireResponseSchema,
  acquiredSchema,
  extensionHeaders,
  type AcquireRequest,
  type ApiLease,
  type UpdateRequest,
} from "../../hercules/api.ts"
import { assertLockName, formatProject } from "../../names.ts"
import type { Lease, LeaseAnswer, LeaseRequest, StateStore } from "../../store.ts"
import { notTheApi, unsupported } from "./failures.ts"
import { jsonBody, whereOf, type Call } from "./request.ts"
import { jobUrl, type Server } from "./listing.ts"
import { isUuid } from "./url.ts"

type Leases = Pick<StateStore, "acquire" | "withdraw" | "renew" | "release" | "locks" | "break">

export interface HerculesLocks extends Leases {
  /** A lease that was granted to this program, as far as the server told. */
  known(leaseId: string): Lease | undefined
  /** Extends a lease. Throws `lease-lost` unless it is held. */
  confirm(leaseId: string): Promise<void>
}

// The server gives no fencing tokens, and a number that protects nothing must not look like one that does.
const noToken = 0

/** The server's locks. How long a lease lasts is the server's decision: the `ttl` of a request does not reach it. */
export function herculesLocks(server: Server): HerculesLocks {
  const { client, route } = server
  const granted = new Map<string, Lease>()
  const asked = new Map<string, LeaseRequest>()

  const update = async (leaseId: string, description: string | undefined): Promise<string> => {
    const request: UpdateRequest = { description: description ?? null }
    const { answer } = await client.json(
      { method: "POST", ...leaseCall(leaseId), body: jsonBody(request) },
      acquiredSchema,
    )
    return answer.expirationTime
  }

  const ask = async (request: LeaseRequest): Promise<LeaseAnswer> => {
    const { lock, exclusive, description, parent, holder, queue } = request
    const body: AcquireRequest = {
      description,
      exclusive,
      parent: parent ?? null,
      idempotencyKey: uuidOf(request.idempotencyKey),
    }
    const call: Call = {
      method: "POST",
      path: [...route, "lock", lock],
      headers: { [extensionHeaders.queue]: String(queue) },
      body: jsonBody(body),
    }
    const { answer, headers } = await client.json(call, acquireResponseSchema)
    if (answer.tag === "Blocked") {
      const by = answer.contents.blockedByLeases.map((lease) => blockingLease(lock, lease, server))
      return { outcome: "blocked", by, ahead: 0 }
    }
    const { leaseId: id, expirationTime: expires } = answer.contents
    const acquired = timeOf(headers, whereOf(client.base, call))
    const ours = { id, lock, exclusive, description, holder, ...(parent !== undefined && { parent }) }
    const lease = { ...ours, token: noToken, acquired, expires }
    granted.set(id.toLowerCase(), lease)
    return { outcome: "acquired", lease }
  }

  const release = async (leaseId: string): Promise<void> => {
    const call: Call = { method: "DELETE", ...leaseCall(leaseId) }
    granted.delete(leaseId.toLowerCase())
    let attempts = 0
    try {
      const response = await client.retry(() => {
        attempts += 1
        return client.attempt(call)
      })
      response.resume()
    } catch (error) {
      // An attempt whose answer was lost may be the one that released it.
      if (attempts === 1 || !(error instanceof AlcidesError) || error.code !== "lease-lost") throw error
    }
  }

  return {
    known: (leaseId) => granted.get(leaseId.toLowerCase()),

    async confirm(leaseId) {
      await update(leaseId, undefined)
    },

    async acquire(request) {
      assertLockName(request.lock)
      // The server is not known to refuse a parent that is over.
      if (request.parent !== undefined) await update(request.parent, undefined)
      asked.set(request.idempotencyKey, request)
      const answer = await ask(request)
      if (answer.outcome === "acquired") asked.delete(request.idempotencyKey)
      return answer
    },

    async withdraw(lock, idempotencyKey) {
      assertLockName(lock)
      const strangers = { lock, idempotencyKey, exclusive: true, description: "", holder: { by: "" }, ttl: 0 }
      const request = asked.get(idempotencyKey) ?? strangers
      asked.delete(idempotencyKey)
      // There is no other way to learn whether it was granted.
      const answer = await ask({ ...request, queue: false })
      if (answer.outcome === "acquired") await release(answer.lease.id)
    },

    async renew(given, { description }) {
      const leaseId = given.toLowerCase()
      const expires = await update(leaseId, description)
      const known = granted.get(leaseId) ?? strangeLease(leaseId, expires)
      const lease = { ...known, expires, ...(description !== undefined && { description }) }
      if (granted.has(leaseId)) granted.set(leaseId, lease)
      return lease
    },

    release,

    async locks() {
      throw unsupported({
        what: "list locks",
        hint: "see them on the dashboard; `alcides lock acquire --no-wait` says who holds one",
      })
    },

    async break() {
      throw unsupported({
        what: "break a lock",
        hint: "wait until its lease ends, or `alcides lock release` it when you know the lease's id",
      })
    },
  }
}

function leaseCall(leaseId: string): Pick<Call, "path" | "onRefusal"> {
  if (!isUuid(leaseId)) throw leaseLost({ lease: leaseId, why: "no lease ever had this id" })
  return {
    path: ["lock-leases", leaseId.toLowerCase()],
    onRefusal: ({ status, isOwn }) =>
      (status === 404 || status === 410) && isOwn
        ? leaseLost({ lease: leaseId, why: "its time ran out, or it was released" })
        : undefined,
  }
}

// Leases are counted by the server's clock, and this is where it tells the time: in whole seconds. From the end of that second on, a lease
// is never thought to last longer than it does.
function timeOf({ date = "" }: IncomingHttpHeaders, where: string): string {
  const now = Date.parse(date)
  if (Number.isNaN(now)) throw notTheApi({ where, what: "no Date header" })
  return new Date(now + 999).toISOString()
}

/** A lease that is in the way, as far as the server tells. */
function blockingLease(lock: string, lease: ApiLease, { client: { base } }: Server): Lease {
  const { id, exclusive, description, user, job, parent, startTime, expirationTime } = lease
  const project =
    job === null ? undefined : { ...job.project, site: job.project.owner.site.name, owner: job.project.owner.name }
  const path = project === undefined ? "" : formatProject(project)
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
function strangeLease(id: string, expires: string): Lease {
  const unknown = { lock: "unknown", exclusive: true, description: "", holder: { by: "unknown" } }
  return { id, ...unknown, token: noToken, acquired: expires, expires }
}

/** The server takes UUIDs alone. */
function uuidOf(key: string): string {
  if (isUuid(key)) return key.toLowerCase()
  const hash = createHash("sha256").update(key).digest("hex")
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}
