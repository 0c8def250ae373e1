/** A map that forgets what was set longest ago. */
export type Remembered<T> = {
  get(key: string): T | undefined
  set(key: string, value: T): void
  forget(key: string): void
}

/** Keeps at most so many entries. */
export function remembered<T>(most: number): Remembered<T> {
  const entries = new Map<string, T>()
  return {
    get: (key) => entries.get(key),
    forget: (key) => void entries.delete(key),
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      const [oldest] = entries.keys()
      if (entries.size > most && oldest !== undefined) entries.delete(oldest)
    },
  }
}
