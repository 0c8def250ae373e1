import { contentMissing, verified } from "../../content.ts"
import { extensionHeaders } from "../../hercules/api.ts"
import { emptyStateRecord } from "../../records/state-record.ts"
import { download } from "./download.ts"
import { knownRefusal } from "./failures.ts"
import { readListing, type Server } from "./listing.ts"
import type { FileRoutes } from "./routes.ts"

/** State files by the routes of a project, which list every version. */
export function projectRoutes(server: Server): FileRoutes {
  const { client, route } = server
  const data = (name: string): readonly string[] => [...route, "state", name, "data"]
  return {
    data,
    all: () => readListing(server),
    async look(name, lease) {
      const records = await readListing(server)
      return {
        record: records.find((record) => record.name === name) ?? emptyStateRecord(name),
        // A version does not change, so that it may be asked for as often as it takes.
        content({ version, size, sha256 }) {
          const where = `version ${version} of ${JSON.stringify(name)}`
          const content = download(client, {
            method: "GET",
            path: data(name),
            query: { version: String(version) },
            ...(lease !== undefined && { headers: { [extensionHeaders.lease]: lease.id } }),
            onRefusal: (refusal) => (refusal.status === 404 ? contentMissing(where) : knownRefusal(refusal)),
          })
          return sha256 === "" ? content : verified(content, { size, sha256, where })
        },
        end: async () => {},
      }
    },
  }
}
