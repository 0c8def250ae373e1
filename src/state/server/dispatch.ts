import type { IncomingMessage, ServerResponse } from "node:http"
import { formatProject, parseProject } from "../names.ts"
import type { Project } from "../store.ts"
import { Refusal } from "./answers.ts"
import type { Call, Service } from "./call.ts"
import { isExact, projectNamed } from "./projects.ts"
import { routeOf } from "./router.ts"
import { allows, findToken, type Token } from "./tokens.ts"

/** Answers one request, or throws what is to be told instead. A sender without a token learns nothing, not even which routes there are. */
export async function dispatch({
  service,
  request,
  response,
}: {
  readonly service: Service
  readonly request: IncomingMessage
  readonly response: ServerResponse
}): Promise<void> {
  const token = senderOf(request, service)
  const { route, params, query } = routeOf({ method: request.method ?? "", url: request.url ?? "" })
  const call: Call = { service, request, response, token, params, query }
  if (route.access === "any") return route.answer(call)
  const project = await projectOf(call)
  if (!allows(token, { project, access: route.access }))
    throw new Refusal(403, `this token has no ${route.access} access to ${formatProject(project)}`)
  return route.answer({ ...call, project, store: await service.store(project) })
}

function senderOf({ headers }: IncomingMessage, service: Service): Token {
  const [, presented] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "") ?? []
  const token =
    presented === undefined ? undefined : findToken([...service.tokens, ...service.effectTokens.all()], presented)
  if (token !== undefined) return token
  throw new Refusal(401, presented === undefined ? "a bearer token is required" : "this token is not known here", {
    "www-authenticate": "Bearer",
  })
}

async function projectOf(call: Call): Promise<Project> {
  const { site, account, project, projectId, leaseId } = call.params
  if (site !== undefined && account !== undefined && project !== undefined)
    return projectNamed({ site, account, name: project })
  if (projectId !== undefined) return found(call.service.projects.find(projectId), noProject)
  if (leaseId !== undefined) return found(await call.service.leases.find(leaseId), "there is no such lease")
  return currentTask(call.token)
}

const noProject = "no project of this id is known here; reach it by name, or name it in the tokens file without `*`"

function currentTask({ currentTask: named, projects }: Token): Project {
  const [only, ...others] = projects
  const project = named ?? (only !== undefined && others.length === 0 && isExact(only) ? only : undefined)
  if (project === undefined)
    throw new Refusal(403, "this token belongs to no task; name its project as `currentTask` in the tokens file")
  return parseProject(project)
}

function found(project: Project | undefined, message: string): Project {
  if (project === undefined) throw new Refusal(404, message)
  return project
}
