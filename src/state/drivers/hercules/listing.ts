import * as z from "../../../schema.ts"
import { stateVersionSchema, type ApiStateVersion } from "../../hercules/api.ts"
import { formatProject } from "../../names.ts"
import { emptyStateRecord, type StateRecord, type VersionRecord } from "../../records/state-record.ts"
import type { Project, Writer } from "../../store.ts"
import type { HerculesClient } from "./client.ts"
import { notTheApi } from "./failures.ts"
import { whereOf } from "./request.ts"

// The files are read one by one, because any name may be a state file's, also one that objects keep for themselves.
const listingSchema = z.object({ stateFiles: z.unknown() })
const listedFileSchema = z.object({
  name: z.string(),
  versions: z
    .array(stateVersionSchema)
    .check(z.refine((versions) => areNumbered(versions), "versions count 1, 2, 3 …, each once")),
})
type ListedFile = z.output<typeof listedFileSchema>

/** One project on one server. */
export type Server = {
  readonly client: HerculesClient
  readonly project: Project
  /** The project's, as the first pieces of paths. */
  readonly route: readonly string[]
}

/**
 * `GET P/states`: all state files of the project with all their versions. What is not in it is not there: the one answer of this API that
 * tells an absent file from a project or a server that is not there.
 */
export async function readListing(server: Server): Promise<readonly StateRecord[]> {
  const { client, route } = server
  const call = { method: "GET", path: [...route, "states"] } as const
  const { answer } = await client.json(call, listingSchema)
  const { stateFiles } = answer
  const files = z.safeParse(z.array(listedFileSchema), Object.values(stateFiles ?? {}))
  if (typeof stateFiles !== "object" || stateFiles === null || !files.success) {
    const { path = [], message = "" } = files.error?.issues[0] ?? {}
    const what = `at ${["stateFiles", ...path].map(String).join(".")}${message === "" ? "" : `: ${message}`}`
    throw notTheApi({ where: whereOf(client.base, call), what })
  }
  return files.data.map((file) => recordOf(file, server))
}

// What has no number of its own cannot be asked for, and a copy would leave it out.
function areNumbered(versions: readonly ApiStateVersion[]): boolean {
  return (
    versions.every(({ version }) => version > 0) &&
    new Set(versions.map(({ version }) => version)).size === versions.length
  )
}

// As a head record, so that the rules for those hold here, too.
function recordOf({ name, versions }: ListedFile, server: Server): StateRecord {
  const sorted = versions.toSorted((a, b) => a.version - b.version)
  return { ...emptyStateRecord(name), versions: sorted.map((version) => versionOf(version, server)) }
}

// A server that does not know the size or the hash of an old version tells null: 0 and "" stand for that.
function versionOf(listed: ApiStateVersion, server: Server): VersionRecord {
  const { version, creationTime, sha256, size } = listed
  return {
    version,
    id: String(version),
    created: creationTime,
    size: size ?? 0,
    // Other ways to write a hash are not known.
    sha256: sha256 !== null && /^[0-9a-f]{64}$/i.test(sha256) ? sha256.toLowerCase() : "",
    blob: String(version),
    writer: uploaderOf(listed, server),
  }
}

function uploaderOf({ job, uploader }: ApiStateVersion, { client: { base }, project }: Server): Writer {
  const rev = job?.source?.revision
  return {
    by: uploader?.displayName ?? (job === null ? "unknown" : `job ${job.index ?? job.id ?? ""}`.trim()),
    ...(rev !== undefined && { rev }),
    ...(job?.index !== undefined && { runUrl: jobUrl({ base, path: formatProject(project), index: job.index }) }),
  }
}

/** Where people see a job. */
export function jobUrl({
  base,
  path,
  index,
}: {
  readonly base: URL
  readonly path: string
  readonly index: number
}): string {
  return new URL(`/${path}/jobs/${index}`, base).href
}
