import { Option } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { detectSurely, type RefFlags } from "../../pipeline/detect.ts"
import { namedProject, projectOf } from "../../pipeline/project.ts"
import type { Repo } from "../../repo.ts"
import { locateSecrets, type SecretsLocation } from "../../secrets/location.ts"
import type { Io } from "../io.ts"

/** `--secrets`. */
export const secretsOption = () =>
  new Option("--secrets <file>", "the secrets.json (default: ALCIDES_SECRETS_JSON, else the owner's file)")

/** `--project`, with Hercules CI's meaning. */
export const ownerOption = () =>
  new Option("--project <site/owner/repo>", "whose secrets (default: the CI's repository, else git's remote)")

export type PlaceFlags = { readonly project?: string | undefined; readonly secrets?: string | undefined }

/** Where the secrets are. Git is asked for the project only when nothing else says where. Throws `project-unknown`. */
export async function findSecrets({ env, cwd }: Io, { project, secrets }: PlaceFlags): Promise<SecretsLocation> {
  const named = namedProject({ flag: project, env })
  const location = locateSecrets({ flag: secrets, env, cwd, project: named ?? { site: null, owner: null } })
  if (location.kind !== "unknown") return location
  const { repo } = await detectSurely({ env, cwd })
  return locateSecrets({ env, cwd, project: projectOf(repo) })
}

/** The path of the secrets, for those who write them. Throws `secrets-not-a-file`. */
export async function findSecretsFile(io: Io, flags: PlaceFlags): Promise<string> {
  const location = await findSecrets(io, flags)
  if (location.kind === "file") return location.path
  throw usageError({
    code: "secrets-not-a-file",
    message: "ALCIDES_SECRETS holds the secrets themselves, so there is no file to write",
    hint: "unset it, or give --secrets FILE",
  })
}

/** The repository that conditions are about: the named project, at the ref that the flags, the CI or git say. */
export async function repoOf({ env, cwd }: Io, { project, ...flags }: PlaceFlags & RefFlags): Promise<Repo> {
  const named = namedProject({ flag: project, env })
  const { ref, branch, tag } = flags
  const { repo } = await detectSurely({ env, cwd, flags: { ref, branch, tag } })
  if (named === undefined) return repo
  const { site, owner, name } = named
  return { ...repo, site, owner: owner.replaceAll("%2F", "/"), name }
}
