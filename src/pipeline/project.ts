import { usageError } from "../errors.ts"
import { parseProject } from "../state/names.ts"
import type { Project } from "../state/store.ts"
import type { Repo } from "../repo.ts"

export type ProjectOptions = {
  /** The value of `--project`, when given. */
  readonly flag?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/**
 * Which project a command is about: the flag, else ALCIDES_PROJECT or HERCULES_CI_PROJECT_PATH, else what the CI or git says.
 * Throws `project-invalid` and `project-unknown`.
 */
export async function resolveProject({ flag, env, cwd }: ProjectOptions): Promise<Project> {
  const named = namedProject({ flag, env })
  if (named !== undefined) return named
  // Git and the CI are asked only now: with a flag, a command starts no program.
  const { detectSurely } = await import("./detect.ts")
  const { repo } = await detectSurely({ env, cwd })
  return projectOf(repo)
}

/** The project that the flag or the environment names. */
export function namedProject({ flag, env }: Pick<ProjectOptions, "flag" | "env">): Project | undefined {
  // An empty flag is a mistake, such as `--project "$UNSET"`; an empty variable is one that is not set.
  const text = flag ?? (env["ALCIDES_PROJECT"] || env["HERCULES_CI_PROJECT_PATH"] || undefined)
  return text === undefined ? undefined : parseProject(text)
}

/** The project of a repository. Throws `project-unknown`. */
export function projectOf({ site, owner, name }: Pick<Repo, "site" | "owner" | "name">): Project {
  if (site === null || owner === null || name === null) {
    throw usageError({
      code: "project-unknown",
      message: "cannot tell which project this is: neither the CI nor a git remote says so",
      hint: "add --project SITE/OWNER/REPO, such as github/neat-org/neat-repo, or set ALCIDES_PROJECT",
    })
  }
  // GitLab's subgroups put slashes into the owner; a project path has exactly three parts.
  return { site, owner: owner.replaceAll("/", "%2F"), name }
}
