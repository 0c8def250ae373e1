import { extensionHeaders } from "../../hercules/api.ts"
import { assertStateName } from "../../names.ts"
import { emptyStateRecord, stateAbsent, type VersionRecord } from "../../records/state-record.ts"
import type { LeaseId } from "../../store.ts"
import type { HerculesClient } from "./client.ts"
import { knownRefusal, unsupported } from "./failures.ts"
import { herculesFiles, type FilesOptions, type StateFiles } from "./files.ts"
import type { Call } from "./request.ts"
import { toldVersion } from "./put.ts"
import type { FileRoutes } from "./routes.ts"
import { spool, type Spool } from "./spool.ts"

const onlyCurrent = "with another store URL, such as hercules:, and a user's token"

/**
 * State files by the routes for the running task, which know the current content and nothing else. Its version is a number made from its
 * hash, unless the server tells one: enough to see whether it is still the same.
 */
export function taskFiles(options: Omit<FilesOptions, "routes">): StateFiles {
  const routes: FileRoutes = {
    data,
    async look(name, lease) {
      const current = await readCurrent(options.client, { name, lease })
      return {
        record: { ...emptyStateRecord(name), versions: current === undefined ? [] : [current.version] },
        content: () => (current === undefined ? nothing() : current.spooled.open()),
        end: async () => current?.spooled.remove(),
      }
    },
    async all() {
      throw unsupported({ what: "list the state files of a task", hint: `list them ${onlyCurrent}` })
    },
  }
  const files = herculesFiles({ ...options, routes })
  return {
    ...files,
    async get(name, wanted = {}) {
      const found = await files.get(name, wanted)
      // That another version is current says nothing of this one.
      if (found === undefined && wanted.version !== undefined && (await files.history(name)) !== undefined)
        throw unsupported({ what: "read old versions from a task", hint: `get them ${onlyCurrent}` })
      return found
    },
    async rollback(name) {
      assertStateName(name)
      throw unsupported({ what: "read old versions from a task", hint: `roll back ${onlyCurrent}` })
    },
  }
}

const data = (name: string): readonly string[] => ["current-task", "state", name, "data"]

async function* nothing(): AsyncGenerator<Uint8Array> {}

type Current = { readonly version: VersionRecord; readonly spooled: Spool }

// Read to its end before anything of it is used: its hash says which version it is.
async function readCurrent(
  client: HerculesClient,
  { name, lease }: { readonly name: string; readonly lease: LeaseId | undefined },
): Promise<Current | undefined> {
  const absent = stateAbsent(name)
  const call: Call = {
    method: "GET",
    path: data(name),
    ...(lease !== undefined && { headers: { [extensionHeaders.lease]: lease.id } }),
    // This API tells an absent file in this way alone. A storage behind it and a proxy before it do not know whether it is absent.
    onRefusal: (refusal) => (refusal.status === 404 && refusal.isOwn ? absent : knownRefusal(refusal)),
  }
  try {
    return await client.send(call, async (response) => {
      const { headers } = response
      const spooled = await spool(response)
      const { size, sha256 } = spooled
      const told = toldVersion(response)
      const version = told ?? (Number.parseInt(sha256.slice(0, 12), 16) || 1)
      const at = Date.parse(headers["last-modified"] ?? headers.date ?? "")
      const created = new Date(Number.isNaN(at) ? 0 : at).toISOString()
      const id = String(told ?? sha256)
      return { version: { version, id, created, size, sha256, blob: sha256, writer: { by: "unknown" } }, spooled }
    })
  } catch (error) {
    if (error === absent) return undefined
    throw error
  }
}
