import { existsSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { placesOf, type Place } from "./stack.ts"

/** Why a node of the tree runs or does not: which condition decided, and where it stands. */
export type Decision = {
  readonly holds: boolean
  /** The condition as the user wrote it, when the source can be read. */
  readonly condition: string | undefined
  /** `ci.ts:6` */
  readonly at: string | undefined
}

type Noted = { readonly holds: boolean; readonly site: Error }

const sites = new WeakMap<object, Noted>()

/** Remembers that a condition decided about this part of the tree. `caller` is the function whose call is the decision. */
export function noteDecision<T extends object>(
  node: T,
  { holds, caller }: { readonly holds: boolean; readonly caller: Function },
): T {
  const site = new Error("decided here")
  // The stack is captured cheaply now, and read only when somebody asks. The call is on top of it, or right below a function of the language.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 3
  Error.captureStackTrace(site, caller)
  Error.stackTraceLimit = stackTraceLimit
  sites.set(node, { holds, site })
  return node
}

/** The decision that `noteDecision` remembered. Where it stands is looked up when it is asked for. */
export function decisionOf(node: object): (() => Decision) | undefined {
  const noted = sites.get(node)
  return noted === undefined ? undefined : () => decisionAt(noted)
}

function decisionAt({ holds, site }: Noted): Decision {
  const [place] = placesOf(site.stack)
  return {
    holds,
    condition: place === undefined ? undefined : firstArgument(place),
    at: place === undefined ? undefined : `${basename(place.file)}:${place.line}`,
  }
}

// The text between the call's parenthesis and the first comma outside of brackets and strings.
function firstArgument({ file, line, column }: Place): string | undefined {
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, "utf8").split("\n")
  const rest = [lines[line - 1]?.slice(column - 1) ?? "", ...lines.slice(line, line + 20)].join("\n")
  const start = rest.indexOf("(") + 1
  if (start === 0) return undefined
  let depth = 0
  let argument = ""
  // Strings and comments are taken whole: what is in them opens and closes nothing.
  for (const [token] of rest.slice(start).matchAll(/(["'`])(?:\\.|(?!\1).)*\1|\/\/[^\n]*|\/\*.*?\*\/|./gs)) {
    if (/^\/[/*]/.test(token)) continue
    if ("([{".includes(token)) depth++
    else if (")]}".includes(token) && depth-- === 0) return undefined
    else if (token === "," && depth === 0) return argument.trim().replaceAll(/\s+/g, " ")
    argument += token
  }
  return undefined
}
