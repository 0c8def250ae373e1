import { peekAgeFile } from "../../encryption/age-file.ts"
import type { CopySource } from "../../history/copy-source.ts"
import type { StateRecord } from "../../records/state-record.ts"
import { somebody } from "./files.ts"
import { readListing, type Server } from "./listing.ts"
import { versionContent } from "./project.ts"

/** The state files of a project, to be copied into a store of ours with the numbers, times and writers that the server tells. */
export function herculesSource(server: Server, url: string): CopySource {
  const heads = async (): Promise<readonly StateRecord[]> =>
    (await readListing(server)).filter(({ versions }) => versions.length > 0).map(withIds)
  return {
    url,
    heads,
    head: async (name) => (await heads()).find((head) => head.name === name),
    async content({ name, version }) {
      const { isAge, content } = await peekAgeFile(versionContent(server, { name, version }))
      return { content, ...(isAge && { encrypted: somebody }) }
    },
  }
}

// The number alone would make version 1 of two servers the same.
function withIds(head: StateRecord): StateRecord {
  return { ...head, versions: head.versions.map((one) => ({ ...one, id: `hercules-${one.version}-${one.created}` })) }
}
