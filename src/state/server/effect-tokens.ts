import { formatProject } from "../names.ts"
import type { Project } from "../store.ts"
import { hashToken, newToken, type Token } from "./tokens.ts"

// Milliseconds: longer than an effect runs.
const lifetime = 24 * 3600_000
const most = 1_000

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
      issued = [...issued, { token, ends: now() + lifetime }].filter(({ ends }) => ends > now()).slice(-most)
      return secret
    },
    all: () => issued.filter(({ ends }) => ends > now()).map(({ token }) => token),
  }
}
