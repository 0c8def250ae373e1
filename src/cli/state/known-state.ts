import { assertStateName } from "../../state/names.ts"
import { createStateStore } from "../../state/object-state-store.ts"
import { openObjects } from "../../state/open.ts"
import type { ProjectObjects } from "../../state/project-objects.ts"
import type { StateStore } from "../../state/store.ts"
import { interruptible, interruptibleObjects } from "../interruptible.ts"
import type { Io } from "../io.ts"
import { chosenStore, type StoreFlags } from "../store-options.ts"
import { absentState } from "./absent.ts"

/** The chosen store, for what is done to its records themselves. Throws `store-unsupported` for a driver that does not show them. */
export async function openProjectObjects(
  io: Io,
  flags: StoreFlags,
): Promise<ProjectObjects & { readonly store: StateStore }> {
  const { url, project, encryption } = await chosenStore(io, flags)
  const objects = await openObjects(url, { env: io.env })
  return {
    objects: interruptibleObjects(objects, io.signal),
    project,
    // Over the objects as they are: an interrupted command still gives its lease back.
    store: interruptible(createStateStore({ objects, project, encryption }), io.signal),
  }
}

/** As `openProjectObjects`, for a state file that has been written. Throws `state-absent`. */
export async function openKnownState(
  io: Io,
  { name, ...flags }: StoreFlags & { readonly name: string },
): Promise<ProjectObjects & { readonly store: StateStore }> {
  assertStateName(name)
  const at = await openProjectObjects(io, flags)
  if ((await at.store.history(name)) === undefined) throw await absentState(at.store, { name })
  return at
}
