import { inParallel } from "../in-parallel.ts"
import { statesFolder } from "../keys.ts"
import type { ProjectObjects } from "../project-objects.ts"
import { parseHead } from "./heads.ts"
import { recordPlace } from "./records.ts"
import type { StateRecord } from "./state-record.ts"

const readAtOnce = 16

/** The head records of all state files that have ever been written, also of those deleted since, by name. */
export async function readHeads({ objects, project }: ProjectObjects): Promise<readonly StateRecord[]> {
  const folder = statesFolder(project)
  const records = await inParallel(await objects.children(folder), {
    atOnce: readAtOnce,
    act: async (child) => {
      const key = `${folder}/${child}/head`
      const stored = await objects.read(key)
      return stored === undefined ? [] : [parseHead({ where: recordPlace(objects, key) })(stored.text)]
    },
  })
  return records
    .flat()
    .filter(({ versions }) => versions.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
