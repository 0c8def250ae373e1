import type { ObjectStore } from "../../../src/state/objects.ts"

/** A driver that tells how many contents are open, as connections are: opened at once, and closed when they are read or given up. */
export function countingOpen(objects: ObjectStore): { readonly objects: ObjectStore; open(): number } {
  let open = 0
  async function* closing(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* content
    } finally {
      open -= 1
    }
  }
  return {
    objects: {
      ...objects,
      async readBlob(folder, name) {
        const content = await objects.readBlob(folder, name)
        if (content === undefined) return undefined
        open += 1
        return closing(content)
      },
    },
    open: () => open,
  }
}
