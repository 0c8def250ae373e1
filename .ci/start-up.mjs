// What keeps `alcides state get` near the start-up of Node itself. Node's loader takes about a millisecond for each file, and
// compiles every byte of it; so what a start needs is one file with nothing else in it.
import { readFile } from "node:fs/promises"
import { isBuiltin } from "node:module"

const mini = "?mini"

/**
 * The store's few schemas need less of zod than those of the effects, and a module cannot be split: with one copy for both, a start
 * would load 18 KB more, which is a millisecond. So the store has a copy of its own, of what it uses.
 */
export const ownZodMini = {
  name: "own-zod-mini",
  async resolveId(source, importer) {
    const inside = importer?.endsWith(mini) === true
    if (!inside && !(source === "zod/mini" && importer?.includes("/src/state/"))) return null
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

const required = "\0required:"

/**
 * Commander and other CommonJS packages `require` parts of Node, for which a bundle of ES modules makes a `require` of its own at each
 * start. They can be imported as well.
 */
export const importsBuiltins = {
  name: "imports-builtins",
  resolveId: (source, _importer, { kind }) =>
    kind === "require-call" && isBuiltin(source) ? required + source.replace(/^node:/, "") : null,
  load(id) {
    if (!id.startsWith(required)) return null
    const name = id.slice(required.length)
    // Importing node:process opens the standard streams.
    return name === "process"
      ? 'const { process } = globalThis; export { process as "module.exports" }'
      : `export { default as "module.exports" } from "node:${name}"`
  },
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
