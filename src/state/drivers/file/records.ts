import { createHash, randomUUID } from "node:crypto"
import { link, readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { formatTooNew, storeDamaged } from "../../failures.ts"
import type { ObjectStore } from "../../objects.ts"
import type { StoreFolder } from "./folder.ts"
import type { RunStep } from "./steps.ts"

// A record is a folder of numbered files, each written once; the highest number is what stands. To swap is to link the next number,
// which only one writer can. Old numbers are pruned late; a writer who slept so long that the number it links was pruned in the
// meantime sees higher ones afterwards, and counts as the loser unless the next number says that it was built on this very write.
const keptGenerations = 16
const keptTime = 10 * 60_000
const pruneEvery = 8
const mostReads = 8
const generationFile = /^\d{10}\.json$/

type Header = { readonly id: string; readonly parent: string }

/** Records for the file driver. */
export function fileRecords({
  folder,
  step,
}: {
  readonly folder: StoreFolder
  readonly step: RunStep
}): Pick<ObjectStore, "read" | "swap" | "children"> {
  const pathOf = (key: string): string => join(folder.root, ...key.split("/"))
  const fileOf = (path: string, generation: number): string =>
    join(path, `${String(generation).padStart(10, "0")}.json`)

  const list = async (path: string): Promise<readonly string[]> =>
    (await step({ name: "list record", path, expect: ["ENOENT"] }, () => readdir(path))) ?? []

  /** Ascending. */
  const generations = async (path: string): Promise<readonly number[]> =>
    (await list(path))
      .flatMap((entry) => (generationFile.test(entry) ? [Number.parseInt(entry, 10)] : []))
      .sort((a, b) => a - b)

  const newest = async (path: string): Promise<number | undefined> => {
    let last = ""
    // A lock that many wait for has thousands of them. They mostly come sorted, so that the first of these is the last.
    for (const entry of (await list(path)).toReversed()) if (entry > last && generationFile.test(entry)) last = entry
    return last === "" ? undefined : Number.parseInt(last, 10)
  }

  const readGeneration = async (
    path: string,
    generation: number,
  ): Promise<(Header & { readonly text: string }) | undefined> => {
    const file = fileOf(path, generation)
    const content = await step({ name: "read record", path: file, expect: ["ENOENT"] }, () => readFile(file, "utf8"))
    return content === undefined ? undefined : unwrap(content, file)
  }

  // After a link: did it count, or was the number free only because it had been pruned?
  const counts = async ({
    path,
    generation,
    id,
  }: {
    readonly path: string
    readonly generation: number
    readonly id: string
  }): Promise<boolean> => {
    const all = await generations(path)
    const highest = all.at(-1) ?? 0
    if (highest > generation) return (await readGeneration(path, generation + 1))?.parent === id
    if (generation % pruneEvery === 0) await prune(path, all)
    return true
  }

  const prune = async (path: string, all: readonly number[]): Promise<void> => {
    const highest = all.at(-1) ?? 0
    const old = all.filter((generation) => generation <= highest - keptGenerations)
    if (old.length === 0) return
    const now = await folder.now()
    for (const generation of old) {
      const file = fileOf(path, generation)
      const found = await step({ name: "stat record", path: file, expect: ["ENOENT"] }, () => stat(file))
      if (found !== undefined && found.mtimeMs + keptTime > now) return
      await folder.remove(file)
    }
  }

  return {
    async read(key) {
      if (!(await folder.exists())) return undefined
      const path = pathOf(key)
      for (let attempt = 0; attempt < mostReads; attempt += 1) {
        const generation = await newest(path)
        if (generation === undefined) {
          await folder.assertStill()
          return undefined
        }
        const found = await readGeneration(path, generation)
        // Pruned between listing and reading: others have written since.
        if (found !== undefined) return { text: found.text, tag: tagOf(generation, found.id) }
      }
      throw storeDamaged({ where: path, what: "lists a newest record that cannot be opened" })
    },

    async swap(key, { text, expected }) {
      await folder.create()
      const path = pathOf(key)
      const [previous = "0", parent = "-"] = expected === "absent" ? [] : expected.split(":")
      if (expected === "absent") {
        await folder.assertStill()
        await folder.makeFolder(path)
      }
      const generation = Number(previous) + 1
      const id = randomUUID()
      const target = fileOf(path, generation)
      const { path: temporary } = await folder.writeTemporary(wrap({ id, parent, text }))
      await step({ name: "link record", path: target, expect: ["EEXIST"] }, () => link(temporary, target))
      // NFS may repeat a link that had succeeded and answer EEXIST, so the number of names decides (see open(2)).
      const linked = (await step({ name: "stat temporary", path: temporary }, () => stat(temporary))).nlink === 2
      if (linked) await folder.settle(path)
      await folder.discard(temporary)
      if (!linked) return undefined
      if (await counts({ path, generation, id })) return tagOf(generation, id)
      await folder.remove(target)
      return undefined
    },

    async children(key) {
      if (!(await folder.exists())) return []
      const path = pathOf(key)
      const found = await step({ name: "list folder", path, expect: ["ENOENT"] }, () => readdir(path))
      if (found === undefined) await folder.assertStill()
      return found ?? []
    },
  }
}

function tagOf(generation: number, id: string): string {
  return `${generation}:${id}`
}

function wrap({ id, parent, text }: Header & { readonly text: string }): string {
  return `alcides-record 1 ${id} ${parent} ${checksum(text)}\n${text}\n`
}

function unwrap(content: string, where: string): Header & { readonly text: string } {
  const [, format, rest = ""] = /^alcides-record (\d+) ([^\n]*\n)/.exec(content) ?? []
  if (format === undefined) throw storeDamaged({ where, what: "does not begin as a record does" })
  if (format !== "1") throw formatTooNew({ where, format: Number(format) })
  const [, id, parent, sum] = /^(\S+) (\S+) (\S+)\n$/.exec(rest) ?? []
  const text = content.slice(content.indexOf("\n") + 1, -1)
  if (id === undefined || parent === undefined || sum !== checksum(text) || !content.endsWith("\n")) {
    throw storeDamaged({ where, what: "is truncated or altered: its checksum does not fit" })
  }
  return { id, parent, text }
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
