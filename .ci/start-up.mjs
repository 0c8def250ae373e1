// What keeps `alcides state get` near the start-up of Node itself. Node's loader takes about a millisecond for each file, and
// compiles every byte of it; so what a start needs is one file with nothing else in it.
import { readFile } from "node:fs/promises"

const mini = "?mini"

/**
 * The store's few schemas are written with zod/mini, which shares its core with the classic zod of the effects. A copy of its own
 * holds only what the store uses.
 */
export const ownZodMini = {
  name: "own-zod-mini",
  async resolveId(source, importer) {
    const inside = importer?.endsWith(mini) === true
    if (source !== "zod/mini" && !inside) return null
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

/** Puts the given modules, and everything they import statically, into one chunk called "start"; `except` what is needed without it. */
export function startChunk({ roots, except }) {
  let reached
  return {
    debugName: "start",
    priority: 2,
    name(id, context) {
      reached ??= reachable(roots, context)
      return reached.has(id) && !except.includes(id) ? "start" : null
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
