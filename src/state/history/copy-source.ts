import { contentMissing, verified } from "../content.ts"
import { stateKeys } from "../keys.ts"
import type { ProjectObjects } from "../project-objects.ts"
import { readHeads } from "../records/all-heads.ts"
import { headRecords } from "../records/heads.ts"
import type { StateRecord, StoredContent, VersionRecord } from "../records/state-record.ts"

/** Which version of which state file. */
export type VersionOf = { readonly name: string; readonly version: VersionRecord }

/** Content as it is stored; `encrypted` when only a look at it told so, and not its version. */
export type SourceContent = Pick<StoredContent, "encrypted"> & { readonly content: AsyncIterable<Uint8Array> }

/** Where the state files of one project are copied from. */
export interface CopySource {
  /** Without credentials. */
  readonly url: string
  /** All state files, by name. A version whose `sha256` is "" has a size and a hash that nobody told. */
  heads(): Promise<readonly StateRecord[]>
  head(name: string): Promise<StateRecord | undefined>
  /** The content of a version, checked on its way as far as its hash is known. Throws `state-content-missing`, `-truncated` and `-corrupt`. */
  content(version: VersionOf): Promise<SourceContent>
}

/** A store whose records can be seen. */
export function objectsSource({ objects, project }: ProjectObjects): CopySource {
  return {
    url: objects.url,
    heads: () => readHeads({ objects, project }),
    head: (name) => headRecords({ objects, project }).read(name),
    content: async (version) => ({ content: storedContent({ objects, project }, version) }),
  }
}

/** What a store has of a version, opened when it is read, and checked on its way. Throws `state-content-missing`, `-truncated` and `-corrupt`. */
export async function* storedContent(
  { objects, project }: ProjectObjects,
  { name, version }: VersionOf,
): AsyncGenerator<Uint8Array> {
  const where = `version ${version.version} of ${JSON.stringify(name)} at ${objects.url}`
  const content =
    version.blob === undefined ? undefined : await objects.readBlob(stateKeys(project, name).blobs, version.blob)
  if (content === undefined) throw contentMissing(where)
  yield* verified(content, { ...version, where })
}
