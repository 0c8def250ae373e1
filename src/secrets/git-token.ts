import { Secret } from "./secret.ts"

/** Where a CI leaves the token of the repository it runs for; the first that is set counts. */
export const gitTokenVariables = [
  "ALCIDES_GIT_TOKEN",
  "GITHUB_TOKEN",
  "GITEA_TOKEN",
  "FORGEJO_TOKEN",
  "CI_JOB_TOKEN",
] as const

/** The token for the effect's own repository, when the environment has one. */
export function gitTokenOf(env: Readonly<Record<string, string | undefined>>): Secret<string> | undefined {
  const token = gitTokenVariables.map((name) => env[name]).find((value) => value !== undefined && value !== "")
  return token === undefined ? undefined : new Secret(token)
}
