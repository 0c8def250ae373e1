import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import type { Project } from "../store.ts"
import { isMeant } from "./projects.ts"

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
