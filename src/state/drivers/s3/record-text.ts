import { createHash, randomBytes } from "node:crypto"
import { formatTooNew, storeDamaged } from "../../failures.ts"

// A record names its writer and those before it, newest first: so a writer whose answer was lost finds out whether its write counted,
// also when others have written since.
const keptWriters = 32

/** Who wrote a record, newest first. */
export type Lineage = { readonly writers: readonly string[] }

/** An id that no other write has. */
export function newWriter(): string {
  return randomBytes(8).toString("hex")
}

/** The writers of a record that this one writes on top of another. */
export function withWriter(writer: string, before: Lineage | undefined): readonly string[] {
  return [writer, ...(before?.writers ?? [])].slice(0, keptWriters)
}

/** Names one state of a record, and holds all that is needed to write on top of it. */
export function tagOf({ etag, writers }: Lineage & { readonly etag: string }): string {
  return `${etag} ${writers.join(",")}`
}

/** The opposite of `tagOf`. */
export function parseTag(tag: string): Lineage & { readonly etag: string } {
  const [etag = "", writers = ""] = tag.split(" ")
  return { etag, writers: writers.split(",") }
}

/** As old servers compare it. */
export function unquoted(etag: string | undefined): string {
  return (etag ?? "").replaceAll('"', "")
}

/** The body of a record's object. */
export function wrapRecord({ writers, text }: Lineage & { readonly text: string }): string {
  const [id, ...before] = writers
  return `alcides-record 1 ${id} ${before.join(",") || "-"} ${checksum(text)}\n${text}\n`
}

/** The opposite of `wrapRecord`. Throws `store-damaged` or `store-format-unknown`. */
export function unwrapRecord(body: string, where: string): Lineage & { readonly text: string } {
  const [, format, rest = ""] = /^alcides-record (\d+) ([^\n]*\n)/.exec(body) ?? []
  if (format === undefined) throw storeDamaged({ where, what: "does not begin as a record does" })
  if (format !== "1") throw formatTooNew({ where, format: Number(format) })
  const [, id, before, sum] = /^(\S+) (\S+) (\S+)\n$/.exec(rest) ?? []
  const text = body.slice(body.indexOf("\n") + 1, -1)
  if (id === undefined || before === undefined || sum !== checksum(text) || !body.endsWith("\n")) {
    throw storeDamaged({ where, what: "is truncated or altered: its checksum does not fit" })
  }
  return { writers: [id, ...(before === "-" ? [] : before.split(","))], text }
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
