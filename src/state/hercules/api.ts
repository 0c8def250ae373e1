// The requests and answers of Hercules CI's state and lock API, as its public types say: hercules-ci-api, `Hercules.API.State`.
// What may be absent is written as null, and may be missing where it is read.
import * as z from "zod/mini"

const maybe = <T extends z.ZodMiniType>(schema: T) => z._default(z.nullable(schema), null)

// Any 128 bits: not every server keeps to a version of UUIDs.
const id = z.guid()

/** Below the server's base URL. */
export const apiPath = "/api/v1"

/**
 * Headers that `alcides serve state` understands beyond Hercules CI's API; other servers ignore them.
 *
 * - `base` on a PUT: the version that this must follow, or `absent`; otherwise 409.
 * - `lease` on a PUT or GET: the lease under which it is done; 409 when it is lost.
 * - `queue` on an acquire: `true` keeps a place in the queue from the first request on, `false` never;
 *   without it the place is kept from the second request with the same idempotency key on.
 * - `version` in the answer to a PUT or GET: the version that was written or read.
 */
export const extensionHeaders = {
  base: "alcides-base",
  lease: "alcides-lease",
  queue: "alcides-queue",
  version: "alcides-version",
} as const

export const acquireRequestSchema = z.object({
  description: z.string(),
  exclusive: z.boolean(),
  parent: maybe(id),
  /** The same key gives the same lease again. */
  idempotencyKey: maybe(id),
})
export type AcquireRequest = z.output<typeof acquireRequestSchema>

/** `description: null` only extends the lease. */
export const updateRequestSchema = z.object({ description: maybe(z.string()) })
export type UpdateRequest = z.output<typeof updateRequestSchema>

export type SimpleAccount = {
  readonly id: string
  readonly name: string
  readonly displayName: string
  readonly typ: "User" | "Organization"
  readonly imageURL: string
  readonly site: { readonly id: string; readonly name: string; readonly displayName: string }
}

/** The job whose effect holds a lease. Of it and of the user, only what is shown to people is read. */
const simpleJobSchema = z.object({
  project: z.object({ name: z.string(), owner: z.object({ name: z.string(), site: z.object({ name: z.string() }) }) }),
  index: z.int(),
})

export const leaseSchema = z.object({
  id,
  startTime: z.string(),
  expirationTime: z.string(),
  user: maybe(z.looseObject({ displayName: z.string() })),
  job: maybe(simpleJobSchema),
  description: z.string(),
  parent: maybe(id),
  exclusive: z.boolean(),
})
export type ApiLease = z.output<typeof leaseSchema>

/** What an update of a lease answers, and an acquire as the contents of `Acquired`. */
export const acquiredSchema = z.object({ leaseId: id, expirationTime: z.string() })
export type Acquired = z.output<typeof acquiredSchema>

export const acquireResponseSchema = z.discriminatedUnion("tag", [
  z.object({ tag: z.literal("Acquired"), contents: acquiredSchema }),
  z.object({ tag: z.literal("Blocked"), contents: z.object({ blockedByLeases: z.array(leaseSchema) }) }),
])
export type AcquireResponse = z.output<typeof acquireResponseSchema>

/** The user who uploaded a version. Of an account, only what is shown to people is read. */
const accountSchema = z.looseObject({ displayName: z.optional(z.string()) })

/** The job whose effect uploaded a version. */
const jobSchema = z.looseObject({
  id: z.optional(z.string()),
  index: z.optional(z.int()),
  source: z.optional(z.looseObject({ revision: z.optional(z.string()) })),
})

export const stateVersionSchema = z.object({
  projectId: id,
  name: z.string(),
  version: z.int(),
  creationTime: z.string(),
  job: maybe(jobSchema),
  uploader: maybe(accountSchema),
  /** Hexadecimal. */
  sha256: maybe(z.string()),
  /** Bytes. */
  size: maybe(z.int()),
})
export type ApiStateVersion = z.output<typeof stateVersionSchema>

export const projectStateSchema = z.object({
  projectId: id,
  stateFiles: z.record(
    z.string(),
    z.object({ projectId: id, name: z.string(), versions: z.array(stateVersionSchema) }),
  ),
})
export type ProjectState = z.output<typeof projectStateSchema>

/** Which project a git URL is of; without an id, the project is reached by name. */
export const repoKeySchema = z.object({
  siteName: z.string(),
  ownerName: z.string(),
  repoName: z.string(),
  projectId: maybe(id),
})
export type RepoKey = z.output<typeof repoKeySchema>

/** What a refusal may say. `code` is ours. */
export const apiErrorSchema = z.object({
  message: z.string(),
  errorTags: z._default(z.array(z.unknown()), []),
  code: z.optional(z.string()),
})
export type ApiError = z.output<typeof apiErrorSchema>
