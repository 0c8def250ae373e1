import { isAbsolute } from "node:path"
import { messageOf, usageError } from "../../../errors.ts"
import { formatProject } from "../../names.ts"
import { shownUrl } from "../../shown-url.ts"
import type { Project } from "../../store.ts"

type Environment = Readonly<Record<string, string | undefined>>

export type HerculesPlace = {
  /** Without credentials. */
  readonly url: string
  /** Where the API is, without its path. */
  readonly base: URL
  /** The Unix socket on which it listens. */
  readonly socket: string | undefined
  /** State files by the routes for the task whose token this is. */
  readonly isTask: boolean
}

const usual = "https://hercules-ci.com"

/**
 * Reads `hercules:`, `hercules:https://HOST` or `hercules:current-task`, each with `?socket=/path` when it is reached by a Unix socket.
 * Without a host it is HERCULES_CI_API_BASE_URL's. Throws `store-url-invalid`.
 */
export function parseHerculesUrl(url: string, env: Environment): HerculesPlace {
  try {
    const [, place = "", query = ""] = /^hercules:([^?]*)\??(.*)$/.exec(url) ?? []
    const options = new URLSearchParams(query)
    if ([...options.keys()].some((name) => name !== "socket")) throw new Error("socket is the only option of hercules:")
    const [socket, ...others] = options.getAll("socket")
    if (others.length > 0) throw new Error("it names two sockets")
    if (socket !== undefined && !isAbsolute(socket)) throw new Error("the socket's path is not absolute")
    const isTask = place === "current-task"
    if (place !== "" && !isTask) return { url, base: parseBase(place), socket, isTask }
    if (socket !== undefined) return { url, base: parseBase("http://localhost"), socket, isTask }
    const told = env["HERCULES_CI_API_BASE_URL"] || undefined
    const base = parseBase(told ?? usual)
    // What is kept for a server, or told to a program, is for that server in every shell.
    return { url: isTask || told === undefined ? url : `hercules:${base.origin}`, base, socket, isTask }
  } catch (cause) {
    throw usageError({
      code: "store-url-invalid",
      message: `${JSON.stringify(shownUrl(url))} is no hercules: URL: ${messageOf(cause)}`,
      hint: "write hercules:, hercules:https://HOST or hercules:current-task, with ?socket=/path for a Unix socket",
      cause,
    })
  }
}

function parseBase(text: string): URL {
  if (!URL.canParse(text)) throw new Error(`${JSON.stringify(shownUrl(text))} is no address of a server`)
  const base = new URL(text)
  const { protocol, hostname, username, password, pathname, search, hash } = base
  if (username !== "" || password !== "") throw new Error("a token does not belong in it")
  if (protocol !== "https:" && !(protocol === "http:" && isLoopback(hostname)))
    throw new Error("https:// is needed for every host but this machine")
  if (pathname !== "/" || search !== "" || hash !== "") throw new Error("the server's address has no path")
  return base
}

/** Whether a server may send us there with a state file: nobody listens in between, and no other machine sends us to this one's servers. */
export function isSafeTarget({ protocol, hostname }: URL, from: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && from.protocol === "http:" && isLoopback(hostname))
}

// Whether what is sent there stays on this machine.
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname)
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Where a project is: by its id when the environment tells the id of this very project, else by its name. Throws `project-id-invalid`. */
export function projectRoute(project: Project, env: Environment): readonly string[] {
  const { HERCULES_CI_PROJECT_ID: id = "", HERCULES_CI_PROJECT_PATH: path } = env
  // In a project a subgroup's slash is written `%2F`; the API has it as it is.
  const account = project.owner.replaceAll("%2F", "/")
  if (id === "" || path !== formatProject(project))
    return ["site", project.site, "account", account, "project", project.name]
  if (!isUuid(id)) {
    throw usageError({
      code: "project-id-invalid",
      message: `HERCULES_CI_PROJECT_ID is no UUID: ${JSON.stringify(id)}`,
      hint: "set it to the project's id, or unset it: then the project is found by its name",
    })
  }
  return ["projects", id.toLowerCase()]
}

export function isUuid(text: string): boolean {
  return uuid.test(text)
}
