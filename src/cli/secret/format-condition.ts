import type { Condition } from "../../secrets/condition.ts"

/** A condition as people say it: `isOwner neat-org and (isTag or isBranch production)`. */
export function formatCondition(condition: Condition, inner = false): string {
  if (typeof condition === "boolean") return condition ? "always" : "never"
  if (typeof condition === "string") return condition
  if ("isBranch" in condition) return `isBranch ${condition.isBranch}`
  if ("isOwner" in condition) return `isOwner ${condition.isOwner}`
  if ("isRepo" in condition) return `isRepo ${condition.isRepo}`
  const [parts, word, none] = "and" in condition ? [condition.and, "and", "always"] : [condition.or, "or", "never"]
  if (parts.length === 0) return none
  const said = parts.map((part) => formatCondition(part, parts.length > 1)).join(` ${word} `)
  return inner && parts.length > 1 ? `(${said})` : said
}
