import * as z from "../../../schema.ts"
import { emptyStateRecord, type StateRecord } from "../../records/state-record.ts"
import { notTheApi } from "./failures.ts"
import { whereOf, type HerculesClient } from "./http.ts"
import { listedFileSchema, listingSchema, recordOf, type Server } from "./versions.ts"

/**
 * All state files of the project with all their versions. What is not in it is not there: the one answer of this API that tells an absent
 * file from a project or a server that is not there.
 */
export async function readListing({
  client,
  route,
  server,
}: {
  readonly client: HerculesClient
  readonly route: readonly string[]
  readonly server: Server
}): Promise<readonly StateRecord[]> {
  const call = { method: "GET", path: [...route, "states"] } as const
  const { answer } = await client.json(call, listingSchema)
  const { stateFiles } = answer
  const files = z.safeParse(z.array(listedFileSchema), Object.values(stateFiles ?? {}))
  if (typeof stateFiles !== "object" || stateFiles === null || !files.success) {
    const place = files.error?.issues[0]?.path.map(String).join(".") ?? ""
    throw notTheApi({ where: whereOf(client.base, call), what: `at stateFiles.${place}` })
  }
  return files.data.map((file) => recordOf(file, server))
}

/** What is listed of one state file, which may be nothing. */
export function recordIn(records: readonly StateRecord[], name: string): StateRecord {
  return records.find((record) => record.name === name) ?? emptyStateRecord(name)
}
