import type { IncomingMessage } from "node:http"
import { extensionHeaders } from "../../hercules/api.ts"
import { leaseLost } from "../../failures.ts"
import type { WriteGuard } from "./guard.ts"
import type { Call, HerculesClient } from "./http.ts"
import { withPatience } from "./patience.ts"
import { knownRefusal } from "./refusals.ts"
import type { Spool } from "./spool.ts"

export type Upload = {
  readonly client: HerculesClient
  /** The route of the content. */
  readonly path: readonly string[]
  readonly guard: WriteGuard
  readonly spooled: Spool
  /** What it goes on top of, for a server that compares; the others do not look. */
  readonly base: number | "absent" | undefined
  /** Whether the content is there already. */
  readonly landed: () => Promise<boolean>
}

export type Uploaded = {
  /** Whether an attempt may have made a version without telling. */
  readonly isUnsure: boolean
  /** The version, from a server that tells it. */
  readonly told?: number
}

/** Sends the content until it is there: after an attempt whose outcome is not known, it looks before it sends again. */
export async function upload({ client, path, guard, spooled, base, landed }: Upload): Promise<Uploaded> {
  const call: Call = {
    method: "PUT",
    path,
    headers: {
      [extensionHeaders.lease]: guard.lease,
      ...(base !== undefined && { [extensionHeaders.base]: String(base) }),
    },
    body: spooled,
    signal: guard.signal,
    onRefusal: (refusal) =>
      knownRefusal(refusal) ??
      // Of a server that looks at the lease itself.
      (refusal.status === 409 ? leaseLost({ lease: guard.lease, why: refusal.said }) : undefined),
  }
  // The content may have been long in coming.
  await guard.confirm()
  let isUnsure = false
  try {
    return await withPatience<Uploaded>(async () => {
      if (isUnsure && (await landed())) return { done: { isUnsure } }
      const outcome = await client.attempt(call)
      if (!("done" in outcome)) {
        isUnsure = true
        return outcome
      }
      outcome.done.resume()
      const told = toldVersion(outcome.done)
      return { done: { isUnsure, ...(told !== undefined && { told }) } }
    }, client.patience)
  } catch (error) {
    if (isUnsure && (await landed().catch(() => false))) return { isUnsure }
    throw error
  }
}

/** The version that an answer is about, from a server that tells it. */
export function toldVersion({ headers }: Pick<IncomingMessage, "headers">): number | undefined {
  const told = headers[extensionHeaders.version]
  return typeof told === "string" && /^[1-9]\d{0,14}$/.test(told) ? Number(told) : undefined
}
