import { createHash, randomUUID } from "node:crypto"
import type { ObjectStore } from "../../../src/state/objects.ts"

export type MemoryOptions = {
  readonly onSwap?: (key: string) => "lost" | "landed but told as lost" | undefined
  /** Milliseconds. Default: a clock that stands. */
  readonly clock?: () => number
}

/** A driver in memory, without the folders of a real one. */
export function memoryObjects({ onSwap, clock = () => 0 }: MemoryOptions = {}): ObjectStore {
  const records = new Map<string, string>()
  const blobs = new Map<string, { readonly content: Buffer; readonly modified: number }>()
  let landedOnce = false
  return {
    url: "memory:",
    read: async (key) => {
      const text = records.get(key)
      return text === undefined ? undefined : { text, tag: text }
    },
    swap: async (key, { text, expected }) => {
      const verdict = landedOnce ? undefined : onSwap?.(key)
      if (verdict === "lost" || (records.get(key) ?? "absent") !== expected) return undefined
      records.set(key, text)
      landedOnce = verdict !== undefined
      return verdict === undefined ? text : undefined
    },
    children: async () => [],
    writeBlob: async (folder, { stem, content: given }) => {
      const chunks = []
      for await (const chunk of given) chunks.push(chunk)
      const content = Buffer.concat(chunks)
      const name = `${stem}-${randomUUID()}`
      blobs.set(`${folder}/${name}`, { content, modified: clock() })
      return { name, size: content.byteLength, sha256: createHash("sha256").update(content).digest("hex") }
    },
    readBlob: async (folder, name) => {
      const found = blobs.get(`${folder}/${name}`)
      return found === undefined ? undefined : once(found.content)
    },
    blobs: async (folder) =>
      Array.from(blobs, ([path, { modified }]) => ({ path, modified }))
        .filter(({ path }) => path.startsWith(`${folder}/`))
        .map(({ path, modified }) => ({ name: path.slice(folder.length + 1), modified })),
    removeBlob: async (folder, name) => void blobs.delete(`${folder}/${name}`),
    now: async () => clock(),
  }
}

async function* once(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content
}
