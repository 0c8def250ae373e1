import * as z from "../schema.ts"

/** When a secret may be used, in the language of Hercules CI's secrets.json. There is no "not", on purpose. */
export type Condition =
  | boolean
  | "isDefaultBranch"
  | "isTag"
  | { readonly isBranch: string }
  | { readonly isRepo: string }
  | { readonly isOwner: string }
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }

/** What a condition may ask for, as a `Repo` has it. What is unknown satisfies nothing. */
export type ConditionContext = {
  readonly owner: string | null
  readonly name: string | null
  readonly ref: string | null
  readonly isDefaultBranch: boolean | "unknown"
}

export type Verdict = {
  readonly holds: boolean
  /** What decided, on one line. */
  readonly because: string
}

const comparisons = ["isBranch", "isOwner", "isRepo"] as const
const fields = ["and", "isBranch", "isOwner", "isRepo", "or"] as const

/** Reads a condition; every issue has the path to the part that is wrong, and says what was expected and found there. */
export const conditionSchema = z.pipe(
  z.unknown(),
  z.transform((value, { issues }): Condition =>
    read(value, [], (path, message) => void issues.push({ code: "custom", input: value, path, message })),
  ),
)

function read(value: unknown, path: PropertyKey[], report: (path: PropertyKey[], message: string) => void): Condition {
  if (typeof value === "boolean" || value === "isDefaultBranch" || value === "isTag") return value
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    report(path, `expected an object, "isDefaultBranch", "isTag", true or false, got ${nameOf(value)}`)
    return false
  }
  const [entry, ...others] = Object.entries(value)
  const [field, operand]: readonly unknown[] = entry ?? []
  if (others.length > 0) report(path, `expected a single field, got ${Object.keys(value).join(", ")}`)
  else if (field === "and" || field === "or") {
    if (Array.isArray(operand)) {
      const parts = operand.map((part: unknown, index) => read(part, [...path, field, index], report))
      return field === "and" ? { and: parts } : { or: parts }
    }
    report([...path, field], `expected an array of conditions, got ${nameOf(operand)}`)
  } else if (field === "isBranch" || field === "isOwner" || field === "isRepo") {
    if (typeof operand === "string") return comparison(field, operand)
    report([...path, field], `expected a string, got ${nameOf(operand)}`)
  } else
    report(
      path,
      `expected one of the fields ${fields.join(", ")}, got ${field === undefined ? "the empty object" : nameOf(field)}`,
    )
  return false
}

function comparison(field: (typeof comparisons)[number], operand: string): Condition {
  if (field === "isBranch") return { isBranch: operand }
  return field === "isOwner" ? { isOwner: operand } : { isRepo: operand }
}

function nameOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (value === null || value === undefined) return "nothing"
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** Decides a condition as Hercules CI's agent does; what is unknown counts as not so. */
export function evaluateCondition(condition: Condition, context: ConditionContext): Verdict {
  const { owner, name, ref } = context
  if (typeof condition === "boolean") return { holds: condition, because: `the condition is ${condition}` }
  if (condition === "isDefaultBranch") return defaultBranch(context)
  if (condition === "isTag") {
    if (ref === null) return { holds: false, because: "isTag: the ref is unknown" }
    const holds = ref.startsWith("refs/tags/")
    return { holds, because: `isTag: ref ${quote(ref)} is ${holds ? "a" : "no"} tag` }
  }
  if ("isBranch" in condition)
    return equals({ field: "isBranch", what: "ref", actual: ref, wanted: `refs/heads/${condition.isBranch}` })
  if ("isOwner" in condition)
    return equals({ field: "isOwner", what: "owner", actual: owner, wanted: condition.isOwner })
  if ("isRepo" in condition)
    return equals({ field: "isRepo", what: "repository", actual: name, wanted: condition.isRepo })
  return "and" in condition ? every(condition.and, context) : some(condition.or, context)
}

function defaultBranch({ ref, isDefaultBranch }: ConditionContext): Verdict {
  const holds = isDefaultBranch === true
  if (isDefaultBranch === "unknown") return { holds, because: "isDefaultBranch: the default branch is unknown" }
  return { holds, because: `isDefaultBranch: ref ${quote(ref)} is ${holds ? "" : "not "}the default branch` }
}

type Comparison = {
  readonly field: string
  readonly what: string
  readonly actual: string | null
  readonly wanted: string
}

function equals({ field, what, actual, wanted }: Comparison): Verdict {
  if (actual === null) return { holds: false, because: `${field}: the ${what} is unknown` }
  const holds = actual === wanted
  return { holds, because: `${field}: ${what} ${quote(actual)} is ${holds ? "" : "not "}${quote(wanted)}` }
}

// The first part that fails decides; when none does, all of them did.
function every(conditions: readonly Condition[], context: ConditionContext): Verdict {
  const verdicts = conditions.map((condition) => evaluateCondition(condition, context))
  const failed = verdicts.find(({ holds }) => !holds)
  if (failed !== undefined) return failed
  return { holds: true, because: verdicts.map(({ because }) => because).join("; ") || "and: nothing is asked for" }
}

function some(conditions: readonly Condition[], context: ConditionContext): Verdict {
  const verdicts = conditions.map((condition) => evaluateCondition(condition, context))
  const held = verdicts.find(({ holds }) => holds)
  if (held !== undefined) return held
  return { holds: false, because: verdicts.map(({ because }) => because).join("; ") || "or: there is no alternative" }
}

function quote(text: string | null): string {
  return text === null ? "(unknown)" : JSON.stringify(text)
}
