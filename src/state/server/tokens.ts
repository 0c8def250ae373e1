import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { formatProject } from "../names.ts"
import type { Project } from "../store.ts"
import { isMeant } from "./projects.ts"

// Milliseconds: longer than an effect runs.
const effectLifetime = 24 * 3600_000
const mostEffects = 1_000

/** Who may do what, by the hash of a token. */
export type Token = {
  /** Hexadecimal, of the token. */
  readonly sha256: string
  /** Who writes and holds locks with it, for people to read. */
  readonly name: string
  /** `github/neat-org/neat-repo`, or `github/neat-org/*`. */
  readonly projects: readonly string[]
  readonly access: Access
  /** The project that the `current-task` routes are about. Default: the project, when it is only one. */
  readonly currentTask?: string | undefined
}

export type Access = "read" | "write"

/** A token that nobody can guess: 256 random bits. */
export function newToken(): string {
  return `alcides_${randomBytes(32).toString("base64url")}`
}

/** What a tokens file keeps of a token. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex")
}

/** The entry of a token. Takes the same time whichever entry it is, and when it is none. */
export function findToken(tokens: readonly Token[], presented: string): Token | undefined {
  const hash = Buffer.from(hashToken(presented))
  let found: Token | undefined
  for (const token of tokens) {
    const wanted = Buffer.from(token.sha256)
    if (wanted.length === hash.length && timingSafeEqual(wanted, hash)) found ??= token
  }
  return found
}

/** Whether the token opens this project in this way. */
export function allows(
  token: Token,
  { project, access }: { readonly project: Project; readonly access: Access },
): boolean {
  return (access === "read" || token.access === "write") && token.projects.some((pattern) => isMeant(pattern, project))
}

/** Tokens that `hci effect run` asks for and gives to the effect: for one project, in memory alone, for a day at most. */
export type EffectTokens = {
  /** A token for one project, with the access of the one that asks. */
  issue(from: Token, project: Project): string
  all(): readonly Token[]
}

export function effectTokens(now: () => number = Date.now): EffectTokens {
  let issued: readonly { readonly token: Token; readonly ends: number }[] = []
  return {
    issue({ name, access }, project) {
      const secret = newToken()
      const path = formatProject(project)
      const token: Token = { sha256: hashToken(secret), name, access, projects: [path], currentTask: path }
      issued = [...issued, { token, ends: now() + effectLifetime }]
        .filter(({ ends }) => ends > now())
        .slice(-mostEffects)
      return secret
    },
    all: () => issued.filter(({ ends }) => ends > now()).map(({ token }) => token),
  }
}
