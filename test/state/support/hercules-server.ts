import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { projectOfLease } from "../../../src/state/locks/lease-project.ts"
import { openObjects, openStore } from "../../../src/state/open.ts"
import { startStateServer } from "../../../src/state/server/server.ts"
import { hashToken } from "../../../src/state/server/tokens.ts"
import type { Project, StateStore } from "../../../src/state/store.ts"
import { freePorts } from "../../support/free-ports.ts"
import type { ProgramStorage } from "./storage.ts"
import { plainProxy } from "./plain-proxy.ts"

export const token = "token-of-the-tests"

export type HerculesStorage = Omit<ProgramStorage, "copy"> & {
  /** Where the API is. */
  readonly endpoint: string
  /** Where the server keeps it, for who wants to go around the server. */
  readonly behind: (project: Project) => Promise<StateStore>
  /** The same for its locks. */
  readonly locksBehind: (project: Project) => Promise<StateStore>
}

/** `alcides serve state` over a file store, with one token for everything of two sites. */
export async function servedStorage(): Promise<HerculesStorage> {
  return start((url) => (project) => openStore(url, project))
}

/**
 * A server that does no more than Hercules CI's own: nothing is compared, locks guard nothing, and of what `alcides serve state`
 * understands beyond that API nothing gets through.
 */
export async function plainStorage(): Promise<HerculesStorage> {
  const served = await start((url) => (project) => advisoryStore(url, project))
  const proxy = await plainProxy(served.endpoint)
  return {
    ...served,
    ...clientOf(proxy.endpoint),
    locksBehind: (project) => served.behind(placeOfLocks(project)),
    remove: async () => {
      await proxy.stop()
      await served.remove()
    },
  }
}

async function start(storeOf: (url: string) => (project: Project) => Promise<StateStore>): Promise<HerculesStorage> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-hercules-"))
  const url = pathToFileURL(join(folder, "store")).href
  const [port = 0] = await freePorts(1)
  const server = await startStateServer({
    listen: `127.0.0.1:${port}`,
    store: storeOf(url),
    tokens: [
      {
        sha256: hashToken(token),
        name: "server-user",
        projects: ["github/neat-org/*", "gitlab/someone/*"],
        access: "write",
        currentTask: "github/neat-org/neat-repo",
      },
    ],
    projectOfLease: async (id) => projectOfLease(await openObjects(url), id),
    grace: 1_000,
  })
  return {
    ...clientOf(server.url),
    behind: (project) => openStore(url, project),
    locksBehind: (project) => openStore(url, project),
    async remove() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function clientOf(endpoint: string): Pick<HerculesStorage, "endpoint" | "url" | "env" | "open"> {
  const url = `hercules:${endpoint}`
  const env = { HERCULES_CI_API_TOKEN: token }
  return { endpoint, url, env, open: (project) => openStore(url, project, { env }) }
}

// The locks of another project never guard the state files of this one.
const placeOfLocks = (project: Project): Project => ({ ...project, name: `${project.name}-locks` })

async function advisoryStore(url: string, project: Project): Promise<StateStore> {
  const locks = await openStore(url, placeOfLocks(project))
  const files = await openStore(url, project)
  return {
    ...locks,
    project,
    // That server keeps no order of arrival.
    acquire: (request) => locks.acquire({ ...request, queue: false }),
    get: (name, { version } = {}) => files.get(name, version === undefined ? {} : { version }),
    put: (name, content, { writer }) => files.put(name, content, { base: "current", writer }),
    list: () => files.list(),
    histories: () => files.histories(),
    history: (name) => files.history(name),
  }
}
