import { isDeepStrictEqual } from "node:util"

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** The step from a text into the JSON that it holds. */
export const insideText = Symbol("inside a text")

/** The way to a value: keys, indices, and steps into texts. */
export type Path = readonly (string | number | typeof insideText)[]

/** Between two leaves: a scalar, or a list or object with nothing in it. An index is of the side that has the value. */
export type Difference<P = Path> =
  | { readonly kind: "added"; readonly path: P; readonly after: Json }
  | { readonly kind: "removed"; readonly path: P; readonly before: Json }
  | { readonly kind: "changed"; readonly path: P; readonly before: Json; readonly after: Json }

/** What differs between two values, also inside texts that hold JSON. Lists are compared from both of their ends. */
export function* diffJson(before: Json, after: Json, path: Path = []): Generator<Difference> {
  if (before === after) return
  const [old, young] = [partsOf(before), partsOf(after)]
  if (old.kind !== young.kind) {
    for (const leaf of leavesOf(before, path)) yield { kind: "removed", path: leaf.path, before: leaf.value }
    for (const leaf of leavesOf(after, path)) yield { kind: "added", path: leaf.path, after: leaf.value }
  } else if (old.kind === "text" && young.kind === "text") {
    yield* diffJson(old.value, young.value, [...path, insideText])
  } else if (old.kind === "list" && young.kind === "list") {
    yield* diffLists(old.parts, young.parts, path)
  } else if (old.kind === "object" && young.kind === "object") {
    yield* diffObjects(old.parts, young.parts, path)
  } else yield { kind: "changed", path, before, after }
}

function* diffObjects(
  before: ReadonlyMap<string, Json>,
  after: ReadonlyMap<string, Json>,
  path: Path,
): Generator<Difference> {
  for (const key of new Set([...before.keys(), ...after.keys()]))
    yield* diffParts(before.get(key), after.get(key), [...path, key])
}

function* diffLists(before: readonly Json[], after: readonly Json[], path: Path): Generator<Difference> {
  const shorter = Math.min(before.length, after.length)
  let first = 0
  while (first < shorter && isDeepStrictEqual(before[first], after[first])) first += 1
  let last = 0
  while (last < shorter - first && isDeepStrictEqual(before.at(-1 - last), after.at(-1 - last))) last += 1
  const [old, young] = [before.slice(first, before.length - last), after.slice(first, after.length - last)]
  for (let at = 0; at < Math.max(old.length, young.length); at += 1)
    yield* diffParts(old[at], young[at], [...path, first + at])
}

function* diffParts(before: Json | undefined, after: Json | undefined, path: Path): Generator<Difference> {
  if (before !== undefined && after !== undefined) return yield* diffJson(before, after, path)
  if (before !== undefined)
    for (const leaf of leavesOf(before, path)) yield { kind: "removed", path: leaf.path, before: leaf.value }
  if (after !== undefined)
    for (const leaf of leavesOf(after, path)) yield { kind: "added", path: leaf.path, after: leaf.value }
}

/** The scalars, empty lists and empty objects inside a value, with where they stand. */
export function* leavesOf(value: Json, path: Path = []): Generator<{ readonly path: Path; readonly value: Json }> {
  const parts = partsOf(value)
  if (parts.kind === "text") yield* leavesOf(parts.value, [...path, insideText])
  else if (parts.kind === "leaf" || [...parts.parts.keys()].length === 0) yield { path, value }
  else for (const [key, part] of parts.parts.entries()) yield* leavesOf(part, [...path, key])
}

type Parts =
  | { readonly kind: "leaf" }
  | { readonly kind: "text"; readonly value: Json }
  | { readonly kind: "list"; readonly parts: readonly Json[] }
  | { readonly kind: "object"; readonly parts: ReadonlyMap<string, Json> }

/** How a value is made up; a text that holds a list or an object is no leaf. */
export function partsOf(value: Json): Parts {
  if (typeof value === "string") {
    const inside = /^\s*[[{]/.test(value) ? parseJson(value) : undefined
    return inside === undefined ? { kind: "leaf" } : { kind: "text", value: inside }
  }
  if (typeof value !== "object" || value === null) return { kind: "leaf" }
  return isList(value) ? { kind: "list", parts: value } : { kind: "object", parts: new Map(Object.entries(value)) }
}

// `Array.isArray` does not know readonly lists.
function isList(value: readonly Json[] | { readonly [key: string]: Json }): value is readonly Json[] {
  return Array.isArray(value)
}

/** The list or object that a text holds; `undefined` when it holds none. */
export function parseJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text)
    return typeof value === "object" && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** A path as jq writes it, which can be given to jq: `.resources.web | fromjson | .ids[0]`. */
export function formatPath(path: Path): string {
  let text = ""
  let isStart = true
  for (const step of path) {
    if (step === insideText) {
      text += `${isStart ? "." : ""} | fromjson | `
      isStart = true
    } else {
      if (typeof step === "number") text += `${isStart ? "." : ""}[${step}]`
      else text += /^[A-Za-z_][A-Za-z0-9_]*$/.test(step) ? `.${step}` : `.${JSON.stringify(step)}`
      isStart = false
    }
  }
  return isStart ? `${text}.` : text
}
