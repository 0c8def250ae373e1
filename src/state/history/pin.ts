import { headRecords } from "../records/heads.ts"
import type { ProjectObjects } from "../project-objects.ts"
import { pinVersion } from "./retention.ts"
import { publicVersion } from "../records/state-record.ts"
import type { Pin, StateVersion } from "../store.ts"

/** Marks a version as one that retention must keep, or without a pin takes the mark away. Throws `state-version-absent`. */
export async function pinState(
  { objects, project }: ProjectObjects,
  {
    name,
    version: number,
    pin,
  }: { readonly name: string; readonly version: number; readonly pin?: Omit<Pin, "at"> | undefined },
): Promise<StateVersion> {
  const at = new Date(await objects.now()).toISOString()
  const record = await headRecords({ objects, project }).update(name, async (head) => {
    const record = pinVersion(head.record, { version: number, pin: pin === undefined ? undefined : { ...pin, at } })
    return { record, answer: record }
  })
  const changed = record.versions.find(({ version }) => version === number)
  if (changed === undefined) throw new Error("the pinned version is gone")
  return publicVersion(changed)
}
