import { contentMissing, verified } from "../../content.ts"
import { extensionHeaders } from "../../hercules/api.ts"
import type { VersionOf } from "../../history/copy-source.ts"
import { emptyStateRecord } from "../../records/state-record.ts"
import type { LeaseId } from "../../store.ts"
import { download } from "./download.ts"
import { knownRefusal } from "./failures.ts"
import { readListing, type Server } from "./listing.ts"
import type { FileRoutes } from "./routes.ts"

const dataRoute = ({ route }: Server, name: string): readonly string[] => [...route, "state", name, "data"]

/** A version's content as it is stored, checked on its way when the server told its hash. */
export function versionContent(
  server: Server,
  { name, version: { version, size, sha256 }, lease }: VersionOf & { readonly lease?: LeaseId | undefined },
): AsyncIterable<Uint8Array> {
  const where = `version ${version} of ${JSON.stringify(name)}`
  // A version does not change, so that it may be asked for as often as it takes.
  const content = download(server.client, {
    method: "GET",
    path: dataRoute(server, name),
    query: { version: String(version) },
    ...(lease !== undefined && { headers: { [extensionHeaders.lease]: lease.id } }),
    onRefusal: (refusal) => (refusal.status === 404 && refusal.isOwn ? contentMissing(where) : knownRefusal(refusal)),
  })
  return sha256 === "" ? content : verified(content, { size, sha256, where })
}

/** State files by the routes of a project, which list every version. */
export function projectRoutes(server: Server): FileRoutes {
  return {
    data: (name) => dataRoute(server, name),
    all: () => readListing(server),
    async look(name, lease) {
      const records = await readListing(server)
      return {
        record: records.find((record) => record.name === name) ?? emptyStateRecord(name),
        content: (version) => versionContent(server, { name, version, lease }),
        end: async () => {},
      }
    },
  }
}
