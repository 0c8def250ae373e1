import { Readable } from "node:stream"
import { AlcidesError } from "../../errors.ts"
import type { LeaseId, StateRead, StateStore } from "../store.ts"
import { Refusal } from "./answers.ts"
import { begun, measured } from "./content.ts"

// How often a version may go away while it is read.
const mostTurns = 3

export type Wanted = { readonly version?: number; readonly lease?: LeaseId }

/** A version with the length of what is clear. */
export type SizedRead = StateRead & { readonly length: number }

/**
 * Reads a state file, begun already, so that nothing wrong is sent if it can be told at the start. What somebody replaces and prunes
 * meanwhile is read anew: `undefined` means that the store itself said, last of all, that it is not there.
 */
export async function sizedRead(store: StateStore, name: string, wanted: Wanted): Promise<SizedRead | undefined> {
  for (let turn = 1; ; turn += 1) {
    const last = turn === mostTurns
    const read = await store.get(name, wanted)
    if (read === undefined) return undefined
    const sized = await sizeOf(read, () => store.get(name, { ...wanted, version: read.version.version })).catch(
      (error: unknown) => {
        if (last || !(error instanceof AlcidesError) || error.code !== "state-content-missing") throw error
        return undefined
      },
    )
    if (sized !== undefined) return sized
    if (last)
      throw new Refusal(503, `${JSON.stringify(name)} changes faster than it can be read`, { "retry-after": "1" })
  }
}

// The clear length of an encrypted version is only known once it was read.
async function sizeOf(
  { version, content }: StateRead,
  again: () => Promise<StateRead | undefined>,
): Promise<SizedRead | undefined> {
  if (version.encrypted === undefined) return { version, length: version.size, content: await begun(content) }
  const { length, whole } = await measured(content)
  if (whole !== undefined) return { version, length, content: Readable.from(whole) }
  const second = await again()
  return second === undefined ? undefined : { version, length, content: await begun(second.content) }
}
