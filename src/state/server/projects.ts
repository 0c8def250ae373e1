import { createHash } from "node:crypto"
import { formatProject, parseProject } from "../names.ts"
import type { Project } from "../store.ts"
import { Refusal } from "./answers.ts"
import { remembered } from "./remembered.ts"

// RFC 9562's namespace for URLs, so that `uuidgen --sha1 --namespace @url --name alcides:project/SITE/OWNER/REPO` tells the same.
const urlNamespace = "6ba7b8119dad11d180b400c04fd430c8"
const mostRemembered = 10_000

// A list of versions names the same few people again and again.
const ids = remembered<string>(1_000)

/** A UUID of version 5: the same for the same kind and name, on every server and every day. */
export function idOf(kind: "project" | "repo" | "account" | "site", name: string): string {
  const key = `${kind}/${name}`
  const id = ids.get(key) ?? makeId(key)
  ids.set(key, id)
  return id
}

function makeId(key: string): string {
  const hash = createHash("sha1").update(Buffer.from(urlNamespace, "hex")).update(`alcides:${key}`).digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return hash.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/** The id of a project. */
export function projectId(project: Project): string {
  return idOf("project", formatProject(project))
}

/** The project that the pieces of a URL name. GitLab's subgroups put slashes into the account; a project has exactly three parts. */
export function projectNamed({
  site,
  account,
  name,
}: {
  readonly site: string
  readonly account: string
  readonly name: string
}): Project {
  const project = parseProject([site, account.replaceAll("/", "%2F"), name].join("/"))
  if (isExact(formatProject(project))) return project
  throw new Refusal(400, "a project is named without `*`")
}

/** Whether a project is meant by `github/neat-org/neat-repo`, or by `github/neat-org/*`. */
export function isMeant(pattern: string, project: Project): boolean {
  const { site, owner, name } = parseProject(pattern)
  const fits = (wanted: string, is: string): boolean => wanted === "*" || wanted === is
  return fits(site, project.site) && fits(owner, project.owner) && fits(name, project.name)
}

/** Whether a pattern names one project and not many. */
export function isExact(pattern: string): boolean {
  return !pattern.split("/").includes("*")
}

/** The projects whose ids can be told: those named from the start, and those that were asked for by name since. */
export type KnownProjects = {
  /** The id of a project that is named from the start. */
  named(project: Project): string | undefined
  /** Remembers the project, and returns its id. */
  add(project: Project): string
  find(id: string): Project | undefined
}

/** Starts with the projects that the patterns name exactly. */
export function knownProjects(patterns: readonly string[]): KnownProjects {
  const exact = patterns.filter(isExact).map(parseProject)
  const named = new Map(exact.map((project) => [projectId(project), project]))
  const seen = remembered<Project>(mostRemembered)
  return {
    named(project) {
      const id = projectId(project)
      return named.has(id) ? id : undefined
    },
    add(project) {
      const id = projectId(project)
      if (!named.has(id)) seen.set(id, project)
      return id
    },
    find: (id) => named.get(id.toLowerCase()) ?? seen.get(id.toLowerCase()),
  }
}
