import { formatProject } from "../../names.ts"
import type { Project } from "../../store.ts"
import { usageError } from "../../../errors.ts"

type Environment = Readonly<Record<string, string | undefined>>

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
