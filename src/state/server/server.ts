import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { finished } from "node:stream/promises"
import { messageOf } from "../../errors.ts"
import { silentLog, type Log } from "../../log.ts"
import type { Project, StateStore } from "../store.ts"
import { listen, parseAddress } from "./address.ts"
import { answerFailure, isOurs } from "./answers.ts"
import type { Service } from "./call.ts"
import { dispatch } from "./dispatch.ts"
import { knownProjects } from "./projects.ts"
import { remembered } from "./remembered.ts"
import { effectTokens, type Token } from "./tokens.ts"

export type StateServerOptions = {
  /** `unix:/path/to.sock`, `127.0.0.1:PORT` or `[::1]:PORT`; port 0 chooses one. */
  readonly listen: string
  /** Opens the store of a project; asked once for each. */
  readonly store: (project: Project) => Promise<StateStore>
  readonly tokens: readonly Token[]
  /** The project of a clone's URL. Default: none is known. */
  readonly projectOfUrl?: (url: string) => Project | undefined
  /** The project of a lease that an earlier server granted. Default: none is known. */
  readonly projectOfLease?: (leaseId: string) => Promise<Project | undefined>
  readonly log?: Log
  /** Milliseconds that bodies and downloads under way get to end when it is closed. Default: 30 000. */
  readonly grace?: number
}

export type StateServer = {
  /** `http://127.0.0.1:PORT`, or `unix:/path/to.sock`. */
  readonly url: string
  /**
   * Takes no more requests, lets those under way finish, and removes the socket. After the grace it cuts downloads and bodies that have not
   * come whole; what has come whole is done and answered.
   */
  close(): Promise<void>
}

// Bytes, and milliseconds.
const largestHead = 16 * 1024
const slowestHead = 20_000
const longestDrain = 10_000
const defaultGrace = 30_000
const mostRemembered = 10_000

/** Serves Hercules CI's state and lock API in front of any store. Throws `serve-address-invalid`, `serve-address-taken` or `serve-failed`. */
export async function startStateServer(options: StateServerOptions): Promise<StateServer> {
  const { log = silentLog, grace = defaultGrace } = options
  const address = parseAddress(options.listen)
  const service = serviceOf(options)
  const underWay = new Map<IncomingMessage, Promise<void>>()
  let closing = false
  let isOver = false

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (closing) response.setHeader("connection", "close")
    try {
      await dispatch({ service, request, response })
    } catch (error) {
      if (isOurs(error)) log.warn(`${request.method ?? ""} ${pathOf(request)}: ${messageOf(error)}`)
      answerFailure(response, error)
      drain(request)
    }
  }
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // Its connection ends with the server, and not before the one ahead of it is answered.
    if (isOver) return
    const work = answer(request, response)
      .then(() => finished(response))
      // Who went away does not wait for the end of the answer.
      .catch(() => {})
      .finally(() => underWay.delete(request))
    underWay.set(request, work)
  }

  const server = createServer({ maxHeaderSize: largestHead, headersTimeout: slowestHead, requestTimeout: 0 }, serve)
  // Who asks first whether to send a body is told after it is known whether it may.
  server.on("checkContinue", serve)
  const url = await listen(server, address)
  // Such as a connection that could not be taken: no reason to leave the others.
  server.on("error", (error) => log.warn(messageOf(error)))
  return {
    url,
    async close() {
      closing = true
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      const hurry = setTimeout(() => {
        isOver = true
        for (const request of underWay.keys()) if (!mayEnd(request)) request.socket.destroy()
      }, grace)
      while (underWay.size > 0) await Promise.all(underWay.values())
      // What is left waits for a request, or has not said all of one.
      server.closeAllConnections()
      await closed
      clearTimeout(hurry)
    },
  }
}

function serviceOf({ store, tokens, projectOfUrl, projectOfLease }: StateServerOptions): Service {
  const opened = remembered<Promise<StateStore>>(mostRemembered)
  const leases = remembered<Project>(mostRemembered)
  const keys = remembered<true>(mostRemembered)
  const projects = knownProjects(tokens.flatMap(({ projects, currentTask = [] }) => projects.concat(currentTask)))
  return {
    tokens,
    effectTokens: effectTokens(),
    projects,
    projectOfUrl: projectOfUrl ?? (() => undefined),
    store(project) {
      const id = projects.add(project)
      const known = opened.get(id)
      if (known !== undefined) return known
      const opening = store(project)
      opened.set(id, opening)
      // What could not be opened is tried anew by the next request.
      opening.catch(() => opened.forget(id))
      return opening
    },
    leases: {
      add: (leaseId, project) => leases.set(leaseId.toLowerCase(), project),
      find: async (leaseId) => leases.get(leaseId.toLowerCase()) ?? (await projectOfLease?.(leaseId)),
    },
    asked(key) {
      const before = keys.get(key) === true
      keys.set(key, true)
      return before
    },
  }
}

// What came whole is done anyway, and its sender must hear so. Who reads can ask again.
function mayEnd({ complete, method }: IncomingMessage): boolean {
  return complete && method !== "GET"
}

// A sender that is not done reads the answer only if the rest is taken from it; not for ever, though.
function drain(request: IncomingMessage): void {
  if (request.complete) return
  const patience = setTimeout(() => request.destroy(), longestDrain)
  request.once("close", () => clearTimeout(patience)).resume()
}

// Without the query: a token may have been put there by mistake.
function pathOf({ url = "" }: IncomingMessage): string {
  return JSON.stringify(url.split("?", 1)[0])
}
