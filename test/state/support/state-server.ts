import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { onTestFinished } from "vitest"
import { createLog } from "../../../src/log.ts"
import { openObjects, openStore } from "../../../src/state/open.ts"
import { projectOfLease as findProject } from "../../../src/state/locks/lease-project.ts"
import { startStateServer, type StateServer, type StateServerOptions } from "../../../src/state/server/server.ts"
import { hashToken, type Token } from "../../../src/state/server/tokens.ts"
import type { Project, StateStore } from "../../../src/state/store.ts"
import { PassThrough } from "node:stream"
import { freePorts } from "../../support/free-ports.ts"

export const repo: Project = { site: "github", owner: "neat-org", name: "neat-repo" }
export const other: Project = { site: "github", owner: "neat-org", name: "other" }
export const repoPath = "/api/v1/site/github/account/neat-org/project/neat-repo"

/** The tokens that a served store takes, by who holds them. */
export const secrets = {
  alice: "token-of-alice",
  bob: "token-of-bob",
  reader: "token-of-reader",
  stranger: "token-of-stranger",
}

export type Secrets = typeof secrets

const entry = (name: keyof Secrets, rest: Pick<Token, "projects" | "access" | "currentTask">): Token => ({
  name,
  sha256: hashToken(secrets[name]),
  ...rest,
})

export const tokens: readonly Token[] = [
  entry("alice", { projects: ["github/neat-org/neat-repo"], access: "write" }),
  entry("bob", { projects: ["github/neat-org/*"], access: "write", currentTask: "github/neat-org/neat-repo" }),
  entry("reader", { projects: ["github/neat-org/neat-repo"], access: "read" }),
  entry("stranger", { projects: ["github/elsewhere/else"], access: "write" }),
]

export type Served = {
  readonly server: StateServer
  readonly folder: string
  /** The same store without the server. */
  readonly store: StateStore
  readonly projectOfLease: (leaseId: string) => Promise<Project | undefined>
  /** What the server logged. */
  readonly logged: () => string
  /** One request as alice, unless somebody else is named, or nobody. */
  request(path: string, init?: RequestInit & { readonly as?: keyof Secrets | "nobody" }): Promise<Response>
}

/** A file store behind a server, on a port of its own. */
export async function served(options: Partial<StateServerOptions> = {}): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-serve-"))
  const url = pathToFileURL(join(folder, "store")).href
  const projectOfLease = async (id: string): Promise<Project | undefined> => findProject(await openObjects(url), id)
  const stream = new PassThrough()
  let log = ""
  stream.on("data", (chunk: Buffer) => (log += chunk.toString()))
  const [port = 0] = await freePorts(1)
  const server = await startStateServer({
    listen: `127.0.0.1:${port}`,
    store: (project) => openStore(url, project),
    tokens,
    log: createLog({ stream, redact: (line) => line }),
    ...(options.store === undefined && { projectOfLease }),
    ...options,
  })
  onTestFinished(async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    server,
    folder,
    store: await openStore(url, repo),
    projectOfLease,
    logged: () => log,
    request: (path, { as = "alice", headers, ...init } = {}) =>
      fetch(`${server.url}${path}`, {
        ...init,
        headers: {
          ...(as !== "nobody" && { authorization: `Bearer ${secrets[as]}` }),
          ...Object.fromEntries(new Headers(headers)),
        },
      }),
  }
}
