import { createHash } from "node:crypto"
import type { VersionRecord } from "../../records/state-record.ts"
import { download } from "./download.ts"
import type { HerculesClient } from "./http.ts"
import type { Spool } from "./spool.ts"

export type Own = {
  readonly client: HerculesClient
  readonly route: readonly string[]
  readonly name: string
  readonly spooled: Pick<Spool, "size" | "sha256">
}

/** Whether a version has this content: by what the server lists of it, or by reading it when that is not told. */
export async function isContentOf(version: VersionRecord, { client, route, name, spooled }: Own): Promise<boolean> {
  if (version.sha256 !== "") return version.sha256 === spooled.sha256
  const hash = createHash("sha256")
  const call = {
    method: "GET",
    path: [...route, "state", name, "data"],
    query: { version: String(version.version) },
  } as const
  for await (const chunk of download(client, call)) hash.update(chunk)
  return hash.digest("hex") === spooled.sha256
}
