import { AlcidesError, usageError } from "../errors.ts"
import { type ConditionContext, evaluateCondition } from "./condition.ts"
import { gitTokenVariables } from "./git-token.ts"
import { missingFileHint } from "./location.ts"
import { Secret } from "./secret.ts"
import type { SecretsFile } from "./secrets-file.ts"
import type { GitTokenReference, SecretData, SecretsMap } from "./secrets-map.ts"

export type GrantOptions = {
  readonly secretsMap: SecretsMap
  readonly secrets: SecretsFile
  readonly repo: ConditionContext
  /** What a `{ type: "GitToken" }` gives. */
  readonly gitToken: Secret<string> | undefined
}

/** What was decided about one name of the secretsMap. */
export type SecretDecision = {
  /** The name under which the effect sees it. */
  readonly name: string
  /** Its name in `secrets.json`, or "GitToken". */
  readonly secret: string
  readonly granted: boolean
  /** For the user of this machine only: it tells a denied secret from an absent one. */
  readonly because: string
}

export type Refusal = SecretDecision & {
  readonly granted: false
  readonly reason: "denied" | "malformed" | "no-file" | "no-token"
}

export type Grants = {
  readonly granted: ReadonlyMap<string, Secret<SecretData>>
  readonly refused: readonly Refusal[]
  /** Every name of the secretsMap, in its order. */
  readonly decisions: readonly SecretDecision[]
}

type Answer =
  | { readonly data: Secret<SecretData>; readonly because: string }
  | Omit<Refusal, "name" | "secret" | "granted">

/** Gives each name of the secretsMap its secret, if its condition holds: no condition, no access. */
export function grantSecrets({ secretsMap, secrets, repo, gitToken }: GrantOptions): Grants {
  const granted = new Map<string, Secret<SecretData>>()
  const refused: Refusal[] = []
  const decisions = Object.entries(secretsMap).map(([name, reference]): SecretDecision => {
    const secret = typeof reference === "string" ? reference : reference.type
    const answer = typeof reference === "string" ? fromFile(secrets, reference, repo) : fromCi(reference, gitToken)
    if ("data" in answer) {
      granted.set(name, answer.data)
      return { name, secret, granted: true, because: answer.because }
    }
    const refusal: Refusal = { name, secret, granted: false, ...answer }
    refused.push(refusal)
    return refusal
  })
  return { granted, refused, decisions }
}

function fromFile({ label, missing, entries }: SecretsFile, name: string, repo: ConditionContext): Answer {
  if (missing) return { reason: "no-file", because: `there is no secrets file ${label}` }
  const entry = entries.get(name)
  if (entry === undefined) return { reason: "denied", because: `${label} has no secret of this name` }
  if (entry.status === "malformed") {
    const [problem] = entry.problems
    const where = problem === undefined ? label : `${label}:${problem.position}: ${problem.path}: ${problem.message}`
    return { reason: "malformed", because: where }
  }
  if (entry.condition === undefined)
    return { reason: "denied", because: "it has no condition, and no condition means no access" }
  const { holds, because } = evaluateCondition(entry.condition, repo)
  return holds ? { data: entry.data, because } : { reason: "denied", because }
}

function fromCi({ type }: GitTokenReference, gitToken: Secret<string> | undefined): Answer {
  if (gitToken === undefined) return { reason: "no-token", because: `none of ${gitTokenVariables.join(", ")} is set` }
  return { data: new Secret({ token: gitToken.reveal() }), because: `${type}: the CI provides it` }
}

/** The error of an effect whose secrets were refused. It reads the same for a denied and for an absent secret. */
export function refusedError(refused: readonly Refusal[]): AlcidesError {
  const malformed = refused.find(({ reason }) => reason === "malformed")
  if (malformed !== undefined) {
    return usageError({
      code: "secret-malformed",
      message: malformed.because,
      hint: "mend this entry; alcides secret check shows every mistake of the file",
    })
  }
  const noFile = refused.find(({ reason }) => reason === "no-file")
  if (noFile !== undefined) {
    return usageError({
      code: "secrets-file-missing",
      message: `secret ${quoted(noFile)} is needed, and ${noFile.because}`,
      hint: missingFileHint,
    })
  }
  const noToken = refused.find(({ reason }) => reason === "no-token")
  if (noToken !== undefined) {
    return usageError({
      code: "git-token-missing",
      message: `a token for the repository is needed (as ${JSON.stringify(noToken.name)}), and the environment has none`,
      hint: `set one of ${gitTokenVariables.join(", ")}`,
    })
  }
  return new AlcidesError({
    code: "secret-refused",
    message: `${refused.length === 1 ? "secret" : "secrets"} ${refused.map(quoted).join(", ")}: not there, or access was denied`,
    hint: "check the name in the secrets file, and that its condition holds here: alcides secret list shows both",
  })
}

function quoted({ name, secret }: Refusal): string {
  return `${JSON.stringify(secret)} (as ${JSON.stringify(name)})`
}
