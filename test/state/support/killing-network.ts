import { formatProject } from "../../../src/state/names.ts"
import type { Project } from "../../../src/state/store.ts"
import { startFaultProxy, type ProxiedRequest } from "../../support/fault-proxy.ts"
import type { HerculesStorage } from "./hercules-server.ts"
import type { Ended, Program } from "./program.ts"

/** A client is killed before one of its requests reaches the server, in the middle of its body, or after it was carried out, unanswered. */
export type Kill = {
  /** The first is 1. */
  readonly request: number
  readonly when: "before" | "during" | "after"
}

export type Run = {
  readonly storage: HerculesStorage
  readonly program: Program
  readonly project: Project
  readonly operation: string
  readonly lease?: string | undefined
  /** Default: it lives to its end. */
  readonly kill?: Kill | undefined
}

/** Runs `one-hercules-operation.ts` on a network that kills it. */
export async function runAndKill({
  storage,
  program,
  project,
  operation,
  lease = "",
  kill,
}: Run): Promise<Ended & { readonly requests: readonly ProxiedRequest[] }> {
  const proxy = await startFaultProxy(storage.endpoint)
  const args = [`hercules:${proxy.endpoint}`, formatProject(project), operation, lease]
  const { child, ended } = program.start(args, storage.env)
  proxy.plan(() =>
    kill?.request === proxy.requests.length
      ? { kind: `cut ${kill.when}`, first: () => void child.kill("SIGKILL") }
      : undefined,
  )
  const end = await ended
  await proxy.stop()
  return { ...end, requests: proxy.requests }
}

/**
 * Every moment that is not as another to the server: before it has heard anything, in the middle of each upload, and after each request that
 * is more than a question was carried out, which is before the next.
 */
export function killsOf(requests: readonly ProxiedRequest[]): readonly Kill[] {
  const kills = requests.flatMap(({ method }, index): readonly Kill[] => {
    const request = index + 1
    if (method === "GET") return []
    return [...(method === "PUT" ? [{ request, when: "during" } as const] : []), { request, when: "after" }]
  })
  return [{ request: 1, when: "before" }, ...kills]
}
