import { createHash, randomUUID } from "node:crypto"
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import { buffer } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { httpServer } from "../../support/http-server.ts"

export type SeenRequest = {
  readonly method: string
  /** As it was sent, with the query. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type Upstream = {
  readonly endpoint: string
  readonly seen: readonly SeenRequest[]
  readonly contents: () => readonly string[]
}

export type UpstreamOptions = {
  /** Seconds that a lease lasts. */
  readonly ttl?: number
  /** Milliseconds from the end of a put's body until it is a version. */
  readonly putTakes?: number
  /** Whether content that is current already makes no new version. */
  readonly isDeduplicating?: boolean
  /** Answers instead of the server, and says so by `true`. What a put brings is kept already. */
  readonly meddle?: (request: SeenRequest, response: ServerResponse) => boolean
}

const id = (): string => randomUUID()
const site = { id: id(), name: "github", displayName: "GitHub" }
const owner = { id: id(), name: "neat-org", displayName: "Neat", typ: "Organization", imageURL: "", site }
const job = {
  id: id(),
  project: { id: id(), name: "neat-repo", owner, displayName: "neat-repo", imageURL: null, isPublic: false },
  index: 7,
  status: "Pending",
  phase: "Effects",
}

/**
 * One state file and one lock as hercules-ci-api's public types have them, written from those types and not from ours: no headers, no
 * comparison, no hashes of another spelling.
 */
export async function upstream({
  ttl = 600,
  putTakes = 0,
  isDeduplicating = false,
  meddle = () => false,
}: UpstreamOptions = {}): Promise<Upstream> {
  const seen: SeenRequest[] = []
  const versions: { readonly body: Buffer; readonly creationTime: string }[] = []
  const projectId = id()
  const leases = new Map<string, { readonly key: string; ends: number }>()

  const json = (response: ServerResponse, value: unknown): void => {
    response.writeHead(200, { "content-type": "application/json;charset=utf-8" }).end(JSON.stringify(value))
  }
  const missing = (response: ServerResponse): void => void response.writeHead(404).end()
  const lasting = (): { readonly ends: number; readonly expirationTime: string } => {
    const ends = Date.now() + ttl * 1000
    return { ends, expirationTime: new Date(ends).toISOString().replace("Z", "123456Z") }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request
    const one: SeenRequest = { method, target: url, headers, body: await buffer(request) }
    seen.push(one)
    const { pathname, searchParams } = new URL(url, "http://localhost")
    const data = /\/state\/([^/]+)\/data$/.exec(pathname)?.[1]
    if (method === "PUT") await sleep(putTakes)
    const isCurrent = versions.at(-1)?.body.equals(one.body) === true
    if (method === "PUT" && data !== undefined && !(isDeduplicating && isCurrent))
      versions.push({ body: one.body, creationTime: new Date().toISOString() })
    if (meddle(one, response)) return
    if (method === "PUT") return void response.writeHead(200).end()
    if (method === "GET" && data !== undefined) {
      const wanted = Number(searchParams.get("version") ?? versions.length)
      const found = versions[wanted - 1]
      if (found === undefined) return missing(response)
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": found.body.byteLength })
      return void response.end(found.body)
    }
    if (method === "GET" && pathname.endsWith("/states")) {
      const name = seen
        .map(({ target }) => /\/state\/([^/]+)\/data/.exec(target)?.[1])
        .find((text) => text !== undefined)
      const told = decodeURIComponent(name ?? "a.json")
      const listed = versions.map(({ body, creationTime }, index) => ({
        projectId,
        name: told,
        version: index + 1,
        creationTime,
        job: index === 0 ? { id: id(), index: 7, somethingNew: {} } : null,
        uploader: index === 0 ? null : { id: id(), slug: "alice", displayName: "Alice" },
        sha256: index === 0 ? null : createHash("sha256").update(body).digest("hex"),
        size: index === 0 ? null : body.byteLength,
      }))
      const stateFiles = versions.length === 0 ? {} : { [told]: { projectId, name: told, versions: listed } }
      return json(response, { projectId, stateFiles })
    }
    if (method === "POST" && pathname.includes("/lock/")) {
      const { idempotencyKey: key, description }: { idempotencyKey: string; description: string } = JSON.parse(
        one.body.toString(),
      )
      const held = [...leases].find(([, lease]) => lease.ends > Date.now())
      const { ends, expirationTime } = lasting()
      if (held !== undefined && held[1].key !== key) {
        const lease = { id: held[0], startTime: expirationTime, expirationTime, user: null, job, description }
        return json(response, {
          tag: "Blocked",
          contents: { blockedByLeases: [{ ...lease, parent: null, exclusive: true }] },
        })
      }
      const leaseId = held?.[0] ?? id()
      leases.set(leaseId, { key, ends })
      return json(response, { tag: "Acquired", contents: { leaseId, expirationTime } })
    }
    const [, leaseId = ""] = /\/lock-leases\/([^/]+)$/.exec(pathname) ?? []
    const lease = leases.get(leaseId)
    if (lease === undefined || lease.ends < Date.now()) return missing(response)
    if (method === "DELETE") {
      leases.delete(leaseId)
      return void response.writeHead(200).end()
    }
    const { ends, expirationTime } = lasting()
    lease.ends = ends
    json(response, { leaseId, expirationTime })
  }

  return {
    endpoint: await httpServer((request, response) => {
      answer(request, response).catch(() => response.destroy())
    }),
    seen,
    contents: () => versions.map(({ body }) => body.toString()),
  }
}
