import { randomUUID } from "node:crypto"
import {
  acquireRequestSchema,
  extensionHeaders,
  updateRequestSchema,
  type Acquired,
  type AcquireResponse,
  type ApiLease,
} from "../hercules/api.ts"
import type { Lease, Project } from "../store.ts"
import { userOf } from "./accounts.ts"
import { answerDone, answerJson, Refusal } from "./answers.ts"
import { jsonOf } from "./body.ts"
import type { ProjectCall } from "./call.ts"

/** Seconds that a lease lasts without an update: `hci` updates every three minutes. */
const leaseTtl = 600

/** `POST P/lock/NAME`. Answers at once, also when somebody else holds it. */
export async function acquireLock({
  request,
  response,
  store,
  project,
  params,
  token,
  service,
}: ProjectCall): Promise<void> {
  const { description, exclusive, parent, idempotencyKey } = await jsonOf({ request, response }, acquireRequestSchema)
  const lock = params["name"] ?? ""
  const answer = await store.acquire({
    lock,
    exclusive,
    description,
    holder: { by: token.name },
    ttl: leaseTtl,
    idempotencyKey: idempotencyKey ?? randomUUID(),
    ...(parent !== null && { parent }),
    queue:
      idempotencyKey !== null && isQueued(request.headers[extensionHeaders.queue], () => service.asked(idempotencyKey)),
  })
  if (answer.outcome === "acquired") service.leases.add(answer.lease.id, project)
  // Who asked before and does not wait any more would keep the others out.
  else if (idempotencyKey !== null && request.headers[extensionHeaders.queue] === "false")
    await store.withdraw(lock, idempotencyKey)
  const told: AcquireResponse =
    answer.outcome === "acquired"
      ? { tag: "Acquired", contents: acquired(answer.lease) }
      : { tag: "Blocked", contents: { blockedByLeases: answer.by.map((lease) => apiLease(lease, project)) } }
  answerJson(response, told)
}

// Who does not want to wait asks once and never again: a place kept for it would only keep the others out.
function isQueued(header: string | readonly string[] | undefined, askedBefore: () => boolean): boolean {
  if (header === undefined) return askedBefore()
  if (header === "true" || header === "false") return header === "true"
  throw new Refusal(400, `${extensionHeaders.queue} must be true or false`)
}

/** `POST lock-leases/ID`. */
export async function updateLease({ request, response, store, params }: ProjectCall): Promise<void> {
  const { description } = await jsonOf({ request, response }, updateRequestSchema)
  const lease = await store.renew(params["leaseId"] ?? "", {
    ttl: leaseTtl,
    ...(description !== null && { description }),
  })
  answerJson(response, acquired(lease))
}

/** `DELETE lock-leases/ID`. */
export async function releaseLease({ response, store, params }: ProjectCall): Promise<void> {
  await store.release(params["leaseId"] ?? "")
  answerDone(response)
}

function acquired({ id, expires }: Lease): Acquired {
  return { leaseId: id, expirationTime: expires }
}

function apiLease(
  { id, acquired, expires, holder, description, parent, exclusive }: Lease,
  project: Project,
): ApiLease {
  return {
    id,
    startTime: acquired,
    expirationTime: expires,
    user: userOf(holder.by, project),
    job: null,
    description,
    parent: parent ?? null,
    exclusive,
  }
}
