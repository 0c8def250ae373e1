import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { thisProcess } from "../exec/this-process.ts"
import * as z from "../schema.ts"

const ownerSchema = z.object({
  pid: z.int(),
  started: z.string(),
  machine: z.string(),
  effect: z.string(),
  project: z.string(),
  // Absent in folders of versions that did not write it.
  keepIn: z.optional(z.string()),
})

/** Which process a private folder belongs to, and for which effect. */
export type Owner = z.infer<typeof ownerSchema>

const ownerFile = "owner.json"

/** Says in a folder that it is ours. */
export async function writeOwner(folder: string, work: Pick<Owner, "effect" | "project" | "keepIn">): Promise<void> {
  const owner: Owner = { ...(await thisProcess()), ...work }
  await writeFile(join(folder, ownerFile), JSON.stringify(owner), { mode: 0o600 })
}

/** The owner of a folder; `undefined` for one that is being made just now, or none of ours. */
export async function readOwner(folder: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(join(folder, ownerFile), "utf8")))
  } catch {
    return undefined
  }
}
