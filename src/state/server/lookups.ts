import type { RepoKey } from "../hercules/api.ts"
import type { Project } from "../store.ts"
import { accountName, ownerOf } from "./accounts.ts"
import { answerJson, Refusal } from "./answers.ts"
import type { Call, ProjectCall } from "./call.ts"
import { idOf, projectNamed } from "./projects.ts"
import { allows } from "./tokens.ts"

/** `GET parse-git-url?gitURL=`: which project a clone is of. */
export async function parseGitUrl({ response, query, service }: Call): Promise<void> {
  const url = query.get("gitURL")
  if (url === null) throw new Refusal(400, "the query must have a gitURL")
  const project = service.projectOfUrl(url)
  if (project === undefined) throw new Refusal(400, "this is no URL of a git repository with an owner and a name")
  const { site, owner, name } = project
  const key: RepoKey = {
    siteName: site,
    ownerName: accountName(owner),
    repoName: name,
    // By its name, a project can be reached after a restart, too.
    projectId: service.projects.named(project) ?? null,
  }
  answerJson(response, key)
}

/** `GET projects?site=&account=&project=`: the project, when the token opens it. */
export async function findProjects({ response, query, service, token }: Call): Promise<void> {
  const [site, account, name] = [query.get("site"), query.get("account"), query.get("project")]
  if (site === null || account === null || name === null)
    throw new Refusal(400, "the query must have a site, an account and a project")
  const project = projectNamed({ site, account, name })
  answerJson(
    response,
    allows(token, { project, access: "read" }) ? [apiProject(project, service.projects.add(project))] : [],
  )
}

/** `POST projects/ID/create-user-effect-token`: a token for an effect that is run by hand. */
export async function createEffectToken({ response, service, token, project }: ProjectCall): Promise<void> {
  answerJson(response, { token: service.effectTokens.issue(token, project) })
}

function apiProject(project: Project, id: string) {
  const { site, owner, name } = project
  const account = ownerOf(project)
  return {
    id,
    owner: account,
    ownerId: account.id,
    repoId: idOf("repo", `${site}/${owner}/${name}`),
    enabled: true,
    siteSlug: site,
    ownerSlug: account.name,
    name,
    slug: name,
    displayName: name,
    imageURL: null,
    isPublic: false,
  }
}
