import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { usageError } from "../../errors.ts"
import { formatProject } from "../../state/names.ts"
import type { Token } from "../../state/server/tokens.ts"
import type { Project } from "../../state/store.ts"
import type { Io } from "../io.ts"
import { reasonOf } from "../../system-error.ts"

const tokenVariable = "ALCIDES_SERVE_TOKEN"
const shortest = 20

/** The tokens that the file and the environment allow. Throws `serve-token-missing` when there are none. */
export async function allowedTokens(
  io: Io,
  { file, project }: { readonly file: string | undefined; readonly project: () => Promise<Project> },
): Promise<readonly Token[]> {
  const secret = io.env[tokenVariable] ?? ""
  const ofFile = file === undefined ? [] : await readTokens(resolve(io.cwd, file))
  const tokens = secret === "" ? ofFile : [...ofFile, await tokenOf(io, { secret, project: await project() })]
  if (tokens.length > 0) return tokens
  throw usageError({
    code: "serve-token-missing",
    message: "no token is allowed, so nobody could be answered",
    hint: `make one with \`alcides serve token\` and name its file with --tokens, or set ${tokenVariable}`,
  })
}

async function readTokens(path: string): Promise<readonly Token[]> {
  const { parseTokens } = await import("../../state/server/tokens-file.ts")
  let text
  try {
    text = await readFile(path, "utf8")
  } catch (cause) {
    throw usageError({
      code: "serve-tokens-unreadable",
      message: `cannot read the tokens in ${path}: ${reasonOf(cause)}`,
      hint: "name a file that is there; `alcides serve token` prints what goes into it",
      cause,
    })
  }
  return parseTokens({ text, label: path })
}

async function tokenOf(
  io: Io,
  { secret, project }: { readonly secret: string; readonly project: Project },
): Promise<Token> {
  if (!/^[\x21-\x7e]+$/.test(secret) || secret.length < shortest) {
    throw usageError({
      code: "serve-token-weak",
      message: `${tokenVariable} is shorter than ${shortest} characters, or has others than a header can carry`,
      hint: "make one with `openssl rand -hex 32`",
    })
  }
  io.redactor.add(secret)
  const { hashToken } = await import("../../state/server/tokens.ts")
  return { sha256: hashToken(secret), name: tokenVariable, projects: [formatProject(project)], access: "write" }
}
