import { apiPath } from "../hercules/api.ts"
import { Refusal } from "./answers.ts"
import type { Route } from "./call.ts"
import { getState, getStates, putState } from "./files.ts"
import { acquireLock, releaseLease, updateLease } from "./locks.ts"
import { createEffectToken, findProjects, parseGitUrl } from "./lookups.ts"

const ofOneProject = (prefix: string): readonly Route[] => [
  { method: "GET", path: `${prefix}/state/:name/data`, access: "read", answer: getState },
  { method: "PUT", path: `${prefix}/state/:name/data`, access: "write", answer: putState },
  { method: "GET", path: `${prefix}/states`, access: "read", answer: getStates },
  { method: "POST", path: `${prefix}/lock/:name`, access: "write", answer: acquireLock },
]

const routes: readonly Route[] = [
  ...ofOneProject("site/:site/account/:account/project/:project"),
  ...ofOneProject("projects/:projectId"),
  { method: "GET", path: "current-task/state/:name/data", access: "read", answer: getState },
  { method: "PUT", path: "current-task/state/:name/data", access: "write", answer: putState },
  { method: "POST", path: "lock-leases/:leaseId", access: "write", answer: updateLease },
  { method: "DELETE", path: "lock-leases/:leaseId", access: "write", answer: releaseLease },
  { method: "GET", path: "parse-git-url", access: "any", answer: parseGitUrl },
  { method: "GET", path: "projects", access: "any", answer: findProjects },
  { method: "POST", path: "projects/:projectId/create-user-effect-token", access: "read", answer: createEffectToken },
]

type Match = {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
}

/** Finds the route of a request. Throws a refusal with 400, 404 or 405. */
export function routeOf({ method, url }: { readonly method: string; readonly url: string }): Match {
  const [path = "", query = ""] = url.split(/\?(.*)/s, 2)
  const pieces = path.startsWith(`${apiPath}/`) ? path.slice(apiPath.length + 1).split("/") : []
  const fitting = routes.flatMap((route) => {
    const params = paramsOf(route, pieces)
    return params === undefined ? [] : [{ route, params }]
  })
  const match = fitting.find(({ route }) => route.method === method)
  if (match !== undefined)
    return { route: match.route, params: decoded(match.params), query: new URLSearchParams(query) }
  if (fitting.length === 0) throw new Refusal(404, "there is no such route here")
  const allow = fitting.map(({ route }) => route.method).join(", ")
  throw new Refusal(405, `this route takes ${allow}`, { allow })
}

function paramsOf({ path }: Route, pieces: readonly string[]): readonly (readonly [string, string])[] | undefined {
  const wanted = path.split("/")
  if (wanted.length !== pieces.length) return undefined
  const pairs = wanted.map((piece, index) => [piece, pieces[index] ?? ""] as const)
  if (!pairs.every(([piece, given]) => piece === given || piece.startsWith(":"))) return undefined
  return pairs.filter(([piece]) => piece.startsWith(":")).map(([piece, given]) => [piece.slice(1), given])
}

function decoded(params: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  try {
    return Object.fromEntries(params.map(([name, text]) => [name, decodeURIComponent(text)]))
  } catch {
    throw new Refusal(400, "the path is not percent-encoded UTF-8")
  }
}
