import type { ObjectStore } from "../../../src/state/objects.ts"

export type MemoryOptions = {
  readonly onSwap?: (key: string) => "lost" | "landed but told as lost" | undefined
  /** Milliseconds. Default: a clock that stands. */
  readonly clock?: () => number
}

/** The records of a driver in memory. Of blobs it keeps the names alone. */
export function memoryObjects({ onSwap, clock = () => 0 }: MemoryOptions = {}): ObjectStore {
  const records = new Map<string, string>()
  const none = (): Promise<never> => Promise.reject(new Error("no blobs here"))
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
    writeBlob: async (_, { stem }) => ({ name: `${stem}-blob`, size: 0, sha256: "" }),
    readBlob: none,
    blobs: none,
    removeBlob: none,
    now: async () => clock(),
  }
}
