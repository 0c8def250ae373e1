import { Option } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { type Condition, conditionSchema } from "../../secrets/condition.ts"
import { formatPath } from "../../secrets/json-positions.ts"
import type { Project } from "../../state/store.ts"

/** `--condition`. */
export const conditionOption = () =>
  new Option(
    "--condition <json>",
    "who may use it, in Hercules CI's language (default: the project's default branch)",
  ).argParser(parseCondition)

/** The condition of `hci secret add`: this repository's default branch. */
export function defaultCondition({ owner, name }: Project): Condition {
  return { and: [{ isOwner: owner.replaceAll("%2F", "/") }, { isRepo: name }, "isDefaultBranch"] }
}

function parseCondition(text: string): Condition {
  const { success, data, error } = conditionSchema.safeParse(parseJson(text))
  if (success) return data
  const [issue] = error.issues
  const path = (issue?.path ?? []).filter((part) => typeof part !== "symbol")
  throw usageError({
    code: "condition-malformed",
    message: `--condition: ${path.length === 0 ? "" : `${formatPath(path)}: `}${issue?.message ?? "not a condition"}`,
    hint: 'write JSON, such as \'{"isBranch": "production"}\' or \'"isDefaultBranch"\'',
  })
}

// What is no JSON is most often a word without its quotation marks.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
