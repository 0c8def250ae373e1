import { createHash } from "node:crypto"
import { AlcidesError } from "../../../errors.ts"
import { leaseLost } from "../../failures.ts"
import {
  acquireResponseSchema,
  acquiredSchema,
  extensionHeaders,
  type AcquireRequest,
  type UpdateRequest,
} from "../../hercules/api.ts"
import { assertLockName } from "../../names.ts"
import type { Lease, LeaseAnswer, LeaseRequest, StateStore } from "../../store.ts"
import { unsupported } from "./failures.ts"
import type { Call, HerculesClient } from "./http.ts"
import { blockingLease, noToken, strangeLease } from "./leases.ts"
import { withPatience } from "./patience.ts"
import { isUuid } from "./routes.ts"
import type { Server } from "./versions.ts"

type Leases = Pick<StateStore, "acquire" | "withdraw" | "renew" | "release" | "locks" | "break">

export interface HerculesLocks extends Leases {
  /** A lease that was granted to this program, as far as the server told. */
  known(leaseId: string): Lease | undefined
  /** Extends a lease. Throws `lease-lost` unless it is held. */
  confirm(leaseId: string): Promise<void>
}

/** The server's locks. How long a lease lasts is the server's decision: the `ttl` of a request does not reach it. */
export function herculesLocks({
  client,
  route,
  server,
}: {
  readonly client: HerculesClient
  readonly route: readonly string[]
  readonly server: Server
}): HerculesLocks {
  const granted = new Map<string, Lease>()
  const asked = new Map<string, LeaseRequest>()

  const update = async (leaseId: string, description: string | undefined): Promise<string> => {
    if (!isUuid(leaseId)) throw leaseLost({ lease: leaseId, why: "no lease ever had this id" })
    const request: UpdateRequest = { description: description ?? null }
    const { answer } = await client.json(
      { method: "POST", ...leaseCall(leaseId), ...jsonBody(request) },
      acquiredSchema,
    )
    return answer.expirationTime
  }

  const ask = async (request: LeaseRequest): Promise<LeaseAnswer> => {
    const { lock, exclusive, description, parent, idempotencyKey } = request
    const body: AcquireRequest = {
      description,
      exclusive,
      parent: parent ?? null,
      idempotencyKey: uuidOf(idempotencyKey),
    }
    const { headers, ...sent } = jsonBody(body)
    const { answer, now } = await client.json(
      {
        method: "POST",
        path: [...route, "lock", lock],
        headers: { ...headers, [extensionHeaders.queue]: String(request.queue) },
        ...sent,
      },
      acquireResponseSchema,
    )
    if (answer.tag === "Blocked") {
      const by = answer.contents.blockedByLeases.map((lease) => blockingLease(lock, lease, server))
      return { outcome: "blocked", by, ahead: 0 }
    }
    const { leaseId, expirationTime: expires } = answer.contents
    const lease = {
      id: leaseId,
      lock,
      exclusive,
      description,
      holder: request.holder,
      ...(parent !== undefined && { parent }),
      token: noToken,
      // The server tells whole seconds: from the end of this one on, a lease is never thought to last longer than it does.
      acquired: new Date(now + 999).toISOString(),
      expires,
    }
    granted.set(leaseId, lease)
    return { outcome: "acquired", lease }
  }

  const release = async (leaseId: string): Promise<void> => {
    if (!isUuid(leaseId)) throw leaseLost({ lease: leaseId, why: "no lease ever had this id" })
    granted.delete(leaseId)
    let attempts = 0
    const attempt = (): ReturnType<HerculesClient["attempt"]> => {
      attempts += 1
      return client.attempt({ method: "DELETE", ...leaseCall(leaseId) })
    }
    try {
      const response = await withPatience(attempt, client.patience)
      response.resume()
    } catch (error) {
      // An attempt whose answer was lost may be the one that released it.
      if (attempts === 1 || !(error instanceof AlcidesError) || error.code !== "lease-lost") throw error
    }
  }

  return {
    known: (leaseId) => granted.get(leaseId),

    async confirm(leaseId) {
      await update(leaseId, undefined)
    },

    async acquire(request) {
      assertLockName(request.lock)
      // The server is not known to refuse a parent that is over.
      if (request.parent !== undefined) await update(request.parent, undefined)
      asked.set(request.idempotencyKey, request)
      return ask(request)
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

    async renew(leaseId, { description }) {
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
  return {
    path: ["lock-leases", leaseId.toLowerCase()],
    onRefusal: ({ status, isHtml }) =>
      (status === 404 && !isHtml) || status === 410
        ? leaseLost({ lease: leaseId, why: "its time ran out, or it was released" })
        : undefined,
  }
}

function jsonBody(body: AcquireRequest | UpdateRequest): Required<Pick<Call, "headers" | "body">> {
  const bytes = Buffer.from(JSON.stringify(body))
  return {
    headers: { "content-type": "application/json" },
    body: { size: bytes.byteLength, open: () => once(bytes) },
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** The server takes UUIDs alone. */
function uuidOf(key: string): string {
  if (isUuid(key)) return key.toLowerCase()
  const hash = createHash("sha256").update(key).digest("hex")
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}
