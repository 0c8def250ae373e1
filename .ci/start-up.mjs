// What keeps `alcides state get` near the start-up of Node itself. Node's loader takes about a millisecond for each file, and
// compiles every byte of it; so what a start needs is one file with nothing else in it.
import { readFile } from "node:fs/promises"

const mini = "?mini"
const records = /\/src\/state\/([^/]+|(records|locks|encryption|drivers\/file)\/[^/]+|drivers\/file\.ts)$/

/**
 * The few schemas of the store's records need less of zod than all the others, and a module cannot be split: with one copy for all, a
 * start would load 18 KB more, which is a millisecond. So the records have a copy of their own, of what they use.
 */
export const ownZodMini = {
  name: "own-zod-mini",
  async resolveId(source, importer) {
    const inside = importer?.endsWith(mini) === true
    if (!inside && !(source === "zod/mini" && records.test(importer))) return null
    const found = await this.resolve(source, inside ? importer.slice(0, -mini.length) : importer)
    return found === null ? null : { id: found.id + mini, moduleSideEffects: false }
  },
  load: (id) => (id.endsWith(mini) ? readFile(id.slice(0, -mini.length), "utf8") : null),
}

const nothing = "\0nothing"

/** Commander can start executables as sub-commands. We have none, and loading child_process costs as much as commander itself. */
export const commanderStartsNothing = {
  name: "commander-starts-nothing",
  resolveId: (source, importer) =>
    /^(node:)?child_process$/.test(source) && importer?.includes("/commander/") ? nothing : null,
  load: (id) => (id === nothing ? "export default {}" : null),
}

/**
 * A chunk of the given modules and of everything that they import statically, except what is an entry or a chunk by itself. Of chunks
 * that share a module, the one with the higher priority has it.
 */
export function chunkOf(name, { roots, except = [], priority = 0 }) {
  let reached
  return {
    debugName: name,
    priority,
    name(id, context) {
      reached ??= reachable(roots, context)
      return reached.has(id) && !except.includes(id) ? name : null
    },
  }
}

function reachable(roots, context) {
  const reached = new Set()
  const visit = (id) => {
    if (reached.has(id)) return
    reached.add(id)
    for (const next of context.getModuleInfo(id)?.importedIds ?? []) visit(next)
  }
  for (const root of roots) visit(root)
  return reached
}
