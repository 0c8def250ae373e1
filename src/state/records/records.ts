import * as z from "zod/mini"
import { AlcidesError } from "../../errors.ts"
import { fieldUnknown, formatTooNew, storeDamaged } from "../failures.ts"
import type { ObjectStore, StoredRecord } from "../objects.ts"

const mostAttempts = 60
// In milliseconds.
const longestPause = 500

/** Where a record lies, as messages say it. */
export function recordPlace({ url }: Pick<ObjectStore, "url">, key: string): string {
  return url.replace(/(?=\?|$)/, `/${key}`)
}

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
    // To read it without would be to write it back without.
    if (issue?.code === "unrecognized_keys") throw fieldUnknown({ where, fields: issue.keys })
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

export type RecordAt<R> = {
  readonly objects: ObjectStore
  readonly key: string
  readonly parse: (text: string) => R
  /** What this program saw last, by key. A change starts from it instead of reading first; the swap tells whether it was old. */
  readonly seen?: Map<string, StoredRecord>
}

/** A record, and which state of it this is. */
export type Current<R> = { readonly record: R | undefined; readonly tag: string | "absent" }

/** Reads a record, and remembers it for the change that may follow. */
export async function readRecord<R>(at: RecordAt<R>): Promise<Current<R>> {
  const { objects, key, seen } = at
  const stored = await objects.read(key)
  if (stored === undefined) seen?.delete(key)
  else seen?.set(key, stored)
  return current(at, stored)
}

/** What is remembered of a record, else what is read now. */
export async function lastRecord<R>(at: RecordAt<R>): Promise<Current<R>> {
  const remembered = at.seen?.get(at.key)
  return remembered === undefined ? readRecord(at) : current(at, remembered)
}

/**
 * Reads a record, lets `change` make the next one, and swaps it in, again and again until no other writer was in between.
 * `change` runs once per attempt, after the record was read; giving back the same record writes nothing.
 */
export async function updateRecord<R, A>(
  at: RecordAt<R>,
  change: (record: R | undefined, tag: Current<R>["tag"]) => Promise<Change<R | undefined, A>>,
): Promise<A> {
  const { objects, key, seen } = at
  const swap = async (record: R | undefined, expected: Current<R>["tag"]): Promise<boolean> => {
    const text = JSON.stringify(record)
    seen?.delete(key)
    const tag = await objects.swap(key, { text, expected })
    if (tag === undefined) return false
    seen?.set(key, { text, tag })
    return true
  }

  if (seen?.has(key) === true) {
    // Only a swap proves that what is remembered still stands, so a refusal or an answer without a swap does not count.
    const { record: before, tag } = await lastRecord(at)
    const tried = await change(before, tag).catch(unlessRefused)
    if (tried !== undefined && tried.record !== before && (await swap(tried.record, tag))) return tried.answer
  }
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const { record: before, tag } = await readRecord(at)
    const { record, answer } = await change(before, tag)
    if (record === before || (await swap(record, tag))) return answer
    const pause = Math.random() * Math.min(longestPause, 2 ** attempt)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  throw new AlcidesError({
    code: "store-busy",
    message: `${key} was changed by others ${mostAttempts} times while this change was tried`,
    hint: "try again when fewer programs write at the same time; nothing was changed",
  })
}

function current<R>({ parse }: RecordAt<R>, stored: StoredRecord | undefined): Current<R> {
  return stored === undefined ? { record: undefined, tag: "absent" } : { record: parse(stored.text), tag: stored.tag }
}

/** What a change from a remembered record came to: nothing, when the rules refused it. The storage's own failures are thrown. */
export function unlessRefused(error: unknown): undefined {
  if (!(error instanceof AlcidesError) || error.code.startsWith("store-")) throw error
}
