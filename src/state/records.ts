import * as z from "zod/mini"
import { AlcidesError } from "../errors.ts"
import { formatTooNew, storeDamaged } from "./failures.ts"
import type { ObjectStore } from "./objects.ts"

const mostAttempts = 60
// In milliseconds.
const longestPause = 500

/** Reads the text of a record of format 1. Throws `store-format-unknown` or `store-damaged`. */
export function parseRecord<T extends z.ZodMiniType>({
  text,
  schema,
  where,
}: {
  readonly text: string
  readonly schema: T
  readonly where: string
}): z.output<T> {
  const json = parseJson(text, where)
  const format = formatOf(json)
  if (format > 1) throw formatTooNew({ where, format })
  // A record is read once or twice in the life of a process: compiling a parser for it costs more than parsing it.
  const record = z.safeParse(schema, json, { jitless: true })
  if (!record.success) {
    const [issue] = record.error.issues
    throw storeDamaged({
      where,
      what: `does not have the shape of a record (at ${issue?.path.join(".") || "its root"}: ${issue?.message ?? ""})`,
    })
  }
  return record.data
}

function formatOf(json: unknown): number {
  const format = typeof json === "object" && json !== null && "format" in json ? json.format : undefined
  return typeof format === "number" ? format : 1
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw storeDamaged({ where, what: "is no JSON", cause })
  }
}

export type Change<R, A> = { readonly record: R; readonly answer: A }

/**
 * Reads a record, lets `change` make the next one, and swaps it in, again and again until no other writer was in between.
 * `change` runs once per attempt, after the record was read; giving back the same record writes nothing.
 */
export async function updateRecord<R, A>(
  { objects, key, parse }: { readonly objects: ObjectStore; readonly key: string; readonly parse: (text: string) => R },
  change: (record: R | undefined) => Promise<Change<R | undefined, A>>,
): Promise<A> {
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const stored = await objects.read(key)
    const before = stored === undefined ? undefined : parse(stored.text)
    const { record, answer } = await change(before)
    if (record === before) return answer
    if (await objects.swap(key, { text: JSON.stringify(record), expected: stored?.tag ?? "absent" })) return answer
    const pause = Math.random() * Math.min(longestPause, 2 ** attempt)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  throw new AlcidesError({
    code: "store-busy",
    message: `${key} was changed by others ${mostAttempts} times while this change was tried`,
    hint: "try again when fewer programs write at the same time; nothing was changed",
  })
}
