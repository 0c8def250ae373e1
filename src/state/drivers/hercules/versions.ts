import * as z from "../../../schema.ts"
import { stateVersionSchema, type ApiStateVersion } from "../../hercules/api.ts"
import { formatProject } from "../../names.ts"
import { emptyStateRecord, type StateRecord, type VersionRecord } from "../../records/state-record.ts"
import type { Project, Writer } from "../../store.ts"

/** `GET P/states`. The files are read one by one, because any name may be a state file's, also one that objects keep for themselves. */
export const listingSchema = z.object({ stateFiles: z.unknown() })

export const listedFileSchema = z.object({ name: z.string(), versions: z.array(stateVersionSchema) })
export type ListedFile = z.output<typeof listedFileSchema>

export type Server = { readonly base: URL; readonly project: Project }

/** What the server lists of one state file, so that the rules for head records hold here, too. */
export function recordOf({ name, versions }: ListedFile, server: Server): StateRecord {
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
    sha256: knownHash(sha256) ?? "",
    blob: String(version),
    writer: uploaderOf(listed, server),
  }
}

/** A hash as we can compare it; other ways to write one are not known. */
export function knownHash(sha256: string | null): string | undefined {
  return sha256 !== null && /^[0-9a-f]{64}$/i.test(sha256) ? sha256.toLowerCase() : undefined
}

function uploaderOf({ job, uploader }: ApiStateVersion, { base, project }: Server): Writer {
  const rev = job?.source?.revision
  return {
    by: uploader?.displayName ?? (job === null ? "unknown" : `job ${job.index ?? job.id}`),
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
