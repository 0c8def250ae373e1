import { parseHead } from "./heads.ts"
import { statesFolder } from "../keys.ts"
import type { ProjectObjects } from "../project-objects.ts"
import type { StateRecord } from "./state-record.ts"

/** The head records of all state files that have ever been written, also of those deleted since, by name. */
export async function readHeads({ objects, project }: ProjectObjects): Promise<readonly StateRecord[]> {
  const folder = statesFolder(project)
  const records = []
  for (const child of await objects.children(folder)) {
    const key = `${folder}/${child}/head`
    const stored = await objects.read(key)
    const record = stored === undefined ? undefined : parseHead({ where: `${objects.url}/${key}` })(stored.text)
    if (record !== undefined && record.versions.length > 0) records.push(record)
  }
  return records.sort((a, b) => (a.name < b.name ? -1 : 1))
}
