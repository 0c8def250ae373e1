import { openStore } from "../../../src/state/open.ts"
import type { StateStore } from "../../../src/state/store.ts"
import { startFaultProxy, type FaultProxy } from "../../support/fault-proxy.ts"
import { project } from "../contract.ts"
import { s3Storage, s3Url, type S3Storage } from "./s3-storage.ts"

/** One S3 store, reached in two ways. */
export type FaultyStorage = {
  readonly storage: S3Storage
  readonly proxy: FaultProxy
  /** Over a network on which anything may go wrong. */
  openThroughProxy(): Promise<StateStore>
  /** As it is. */
  openDirectly(): Promise<StateStore>
  remove(): Promise<void>
}

/** An empty S3 store behind a proxy; nothing goes wrong until the proxy is told so. */
export async function faultyStorage(): Promise<FaultyStorage> {
  const storage = await s3Storage()
  const { bucket, env } = storage
  const proxy = await startFaultProxy(bucket.server.endpoint)
  return {
    storage,
    proxy,
    openThroughProxy: () => openStore(s3Url(bucket, { endpoint: proxy.endpoint }), project, { env }),
    openDirectly: () => storage.open(project),
    remove: () => proxy.stop(),
  }
}
