import type { CopySource } from "../state/history/copy-source.ts"
import type { ObjectStore } from "../state/objects.ts"
import type { StateStore } from "../state/store.ts"

// In milliseconds: how long something that is given back may take once the command is over.
const lastWords = 5_000

/**
 * The store as a command sees it that somebody may interrupt: nobody waits then for a server that does not answer. What a command gives
 * back, a lease or a place in a queue, is still waited for, a little; both end by themselves.
 */
export function interruptible(store: StateStore, signal: AbortSignal): StateStore {
  const until = <T>(work: Promise<T>): Promise<T> => untilAborted(signal, work)
  const briefly = <T>(work: Promise<T>): Promise<T> => (signal.aborted ? within(lastWords, work, signal) : work)
  return {
    ...store,
    async get(name, options) {
      const found = await until(store.get(name, options))
      return found === undefined ? undefined : { ...found, content: contentUntil(signal, found.content) }
    },
    put: (name, content, options) => until(store.put(name, content, options)),
    list: () => until(store.list()),
    histories: () => until(store.histories()),
    history: (name) => until(store.history(name)),
    rollback: (name, options) => until(store.rollback(name, options)),
    delete: (name, options) => until(store.delete(name, options)),
    acquire: (request) => until(store.acquire(request)),
    locks: () => until(store.locks()),
    break: (lock, options) => until(store.break(lock, options)),
    withdraw: (lock, idempotencyKey) => briefly(store.withdraw(lock, idempotencyKey)),
    release: (leaseId) => briefly(store.release(leaseId)),
  }
}

/** The same for what lies below the store, where a command works on records themselves. */
export function interruptibleObjects(objects: ObjectStore, signal: AbortSignal): ObjectStore {
  const until = <T>(work: Promise<T>): Promise<T> => untilAborted(signal, work)
  return {
    url: objects.url,
    read: (key) => until(objects.read(key)),
    swap: (key, change) => until(objects.swap(key, change)),
    children: (folder) => until(objects.children(folder)),
    writeBlob: (folder, blob) => until(objects.writeBlob(folder, blob)),
    async readBlob(folder, name) {
      const content = await until(objects.readBlob(folder, name))
      return content === undefined ? undefined : contentUntil(signal, content)
    },
    blobs: (folder) => until(objects.blobs(folder)),
    removeBlob: (folder, name) => until(objects.removeBlob(folder, name)),
    now: () => until(objects.now()),
  }
}

/** The same for where a project is copied from. */
export function interruptibleSource(source: CopySource, signal: AbortSignal): CopySource {
  const until = <T>(work: Promise<T>): Promise<T> => untilAborted(signal, work)
  return {
    url: source.url,
    heads: () => until(source.heads()),
    head: (name) => until(source.head(name)),
    async content(version) {
      const { content, ...found } = await until(source.content(version))
      return { ...found, content: contentUntil(signal, content) }
    },
  }
}

async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener("abort", stop, { once: true })
    if (signal.aborted) stop()
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener("abort", stop)
  }
}

async function within<T>(ms: number, work: Promise<T>, { reason }: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(reason), ms)
  })
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}

// One listener for all chunks: a large content has tens of thousands of them.
async function* contentUntil(signal: AbortSignal, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = content[Symbol.asyncIterator]()
  let giveUp: (reason: unknown) => void = () => {}
  const stop = (): void => giveUp(signal.reason)
  signal.addEventListener("abort", stop)
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await new Promise<IteratorResult<Uint8Array, unknown>>((resolve, reject) => {
        giveUp = reject
        chunks.next().then(resolve, reject)
      })
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener("abort", stop)
    // Whatever it waits for, nobody waits for it.
    chunks.return?.().catch(() => {})
  }
}
