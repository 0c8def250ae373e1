import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { AlcidesError, isMissing, messageOf, usageError } from "../errors.ts"
import { Secret } from "./secret.ts"
import { parseSecretsFile, type SecretsFile } from "./secrets-file.ts"

export type LocateOptions = {
  /** The value of `--secrets`, when given. */
  readonly flag?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whose secrets, as far as known: the files under the configuration folder are one an owner. */
  readonly project: { readonly site: string | null; readonly owner: string | null }
}

export type SecretsLocation =
  | { readonly kind: "text"; readonly label: string; readonly text: Secret<string> }
  | { readonly kind: "file"; readonly path: string; readonly namedBy: string }
  | { readonly kind: "unknown" }

/**
 * Where `secrets.json` is: `--secrets`, ALCIDES_SECRETS (the text itself), ALCIDES_SECRETS_JSON or HERCULES_CI_SECRETS_JSON (a path),
 * else the owner's file in the configuration folder, of Alcides or of Hercules CI.
 */
export function locateSecrets({ flag, env, cwd, project }: LocateOptions): SecretsLocation {
  if (flag !== undefined) return { kind: "file", path: resolve(cwd, flag), namedBy: "--secrets" }
  const text = env["ALCIDES_SECRETS"]
  if (text !== undefined && text !== "") return { kind: "text", label: "ALCIDES_SECRETS", text: new Secret(text) }
  for (const namedBy of ["ALCIDES_SECRETS_JSON", "HERCULES_CI_SECRETS_JSON"]) {
    const path = env[namedBy]
    if (path !== undefined && path !== "") return { kind: "file", path: resolve(cwd, path), namedBy }
  }
  const { site, owner } = project
  if (site === null || owner === null) return { kind: "unknown" }
  const inFolder = (product: string): string =>
    join(configFolder(env), product, "secrets", asFolder(site), asFolder(owner), "secrets.json")
  const [own, hercules] = [inFolder("alcides"), inFolder("hercules-ci")]
  return { kind: "file", path: !existsSync(own) && existsSync(hercules) ? hercules : own, namedBy: "the project" }
}

function configFolder(env: LocateOptions["env"]): string {
  const xdg = env["XDG_CONFIG_HOME"]
  return xdg !== undefined && xdg.startsWith("/") ? xdg : join(env["HOME"] ?? homedir(), ".config")
}

// A project path writes a slash of a GitLab subgroup as %2F.
function asFolder(name: string): string {
  return name.replaceAll(/\/|%2F/g, "_")
}

/** Reads the secrets. A file that is not there has none, unless `--secrets` named it. Throws `secrets-file-missing`, `secrets-file-unreadable`. */
export async function readSecrets(location: SecretsLocation): Promise<SecretsFile> {
  const { label, text } = await readSecretsText(location)
  if (text !== undefined) return parseSecretsFile({ text, label })
  if (location.kind === "file" && location.namedBy === "--secrets") throw secretsFileMissing(label)
  return { label, missing: true, entries: new Map(), repeated: [] }
}

/** The text of the secrets, when there is one. Throws `secrets-file-unreadable`. */
export async function readSecretsText(
  location: SecretsLocation,
): Promise<{ readonly label: string; readonly text: string | undefined }> {
  if (location.kind === "unknown") return { label: "secrets.json", text: undefined }
  if (location.kind === "text") return { label: location.label, text: location.text.reveal() }
  return { label: location.path, text: await readText(location.path) }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8")
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw new AlcidesError({
      code: "secrets-file-unreadable",
      message: `cannot read ${path}: ${messageOf(cause)}`,
      hint: "it must be a file that you may read",
      cause,
    })
  }
}

export const missingFileHint = "make one with alcides secret init-local, or give --secrets FILE or ALCIDES_SECRETS"

export function secretsFileMissing(label: string): AlcidesError {
  return usageError({
    code: "secrets-file-missing",
    message: `there is no secrets file ${label}`,
    hint: missingFileHint,
  })
}
