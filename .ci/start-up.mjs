// What keeps `alcides state get` near the start-up of Node itself. Node's loader takes about a millisecond for each file, and
// compiles every byte of it; so what a start needs is one file with nothing else in it.
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

const mini = "?mini"
const commanderLib = join(dirname(createRequire(import.meta.url).resolve("commander")), "lib")
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
const commander = "\0commander"
const onlyForExecutables = /^node:(child_process|fs|path)$/

/**
 * Commander as ES modules, which need no wrappers. It can also start executables as sub-commands; we have none, and to load
 * child_process costs as much as commander itself.
 */
export const leanCommander = {
  name: "lean-commander",
  async resolveId(source, importer) {
    if (source === "@commander-js/extra-typings") return commander
    if (onlyForExecutables.test(source) && importer?.startsWith(commanderLib)) return nothing
    // The types are all that the wrapper adds.
    return importer === commander ? { ...(await this.resolve(source)), moduleSideEffects: false } : null
  },
  load(id) {
    if (id === nothing) return "export default {}"
    if (id !== commander) return null
    return ["argument", "command", "error", "option"]
      .map((name) => `export * from ${JSON.stringify(join(commanderLib, `${name}.js`))}`)
      .join("\n")
  },
  transform(code, id) {
    if (!id.startsWith(commanderLib)) return null
    return code
      .replace("const process = require('node:process');\n", "")
      .replace(/^const EventEmitter = require\((.*)\)\.EventEmitter;$/gm, "import { EventEmitter } from $1;")
      .replace(/^const (.*) = require\((.*)\);$/gm, "import $1 from $2;")
      .replace(/^exports\.(\w+) = \1;.*$/gm, "export { $1 };")
  },
}

const unused = "\0unused:"
const unusedOfExeca = {
  "/lib/convert/add.js": ["addConvertedStreams"],
  "/lib/ipc/methods.js": ["addIpcMethods", "getIpcExport"],
  "/lib/methods/main-sync.js": ["execaCoreSync"],
  "/lib/pipe/setup.js": ["pipeToSubprocess"],
  "/lib/verbose/default.js": ["defaultVerboseFunction"],
  "/lib/verbose/complete.js": ["logResult"],
}

const openedWhenAsked = `Object.defineProperties([], {
  0: { get: () => process.stdin },
  1: { get: () => process.stdout },
  2: { get: () => process.stderr },
})`

/** What execa can do and is never asked for here: half of it, with tables of symbols and colours that are made at each start. */
export const leanExeca = {
  name: "lean-execa",
  async resolveId(source, importer) {
    if (!source.endsWith(".js") || importer?.includes("/execa/") !== true) return null
    const file = join(dirname(importer), source)
    const end = Object.keys(unusedOfExeca).find((path) => file.endsWith(`/execa${path}`))
    return end === undefined ? null : { id: unused + end, moduleSideEffects: false }
  },
  load(id) {
    if (!id.startsWith(unused)) return null
    return unusedOfExeca[id.slice(unused.length)].map((name) => `export const ${name} = () => ({})`).join("\n")
  },
  // To open the standard input takes longer than to start a program, and most programs are not given it.
  transform: (code, id) =>
    id.endsWith("/execa/lib/utils/standard-stream.js")
      ? code.replace("[process.stdin, process.stdout, process.stderr]", openedWhenAsked)
      : null,
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

// As the bundler writes it, once with and once without what makes an ES module of it.
const builtin = /\b(\w+)=require\("(node:[^"]+)"\)(?:;\1=\w+\.a\(\1(?:,1)?\))?/g
const lazy = (id) => `new Proxy({},{get:(_,name)=>name==="default"?require("${id}"):require("${id}")[name]})`
const runtimeFile = /require\("(?:\.\/|\.\/chunks\/)(rolldown-runtime-[^"]+)"\)/
const beyondAscii = /[^\0-\x7f]/g

/** What makes the files of a start quicker to load than the bundler leaves them. */
export const quickToLoad = {
  name: "quick-to-load",
  generateBundle(_, bundle) {
    const chunks = Object.values(bundle).filter(({ type }) => type === "chunk")
    const runtime = chunks.find(({ name }) => name === "rolldown-runtime")
    for (const chunk of chunks) {
      // One letter beyond ASCII makes V8 keep a whole file with two bytes a letter, which takes longer to read and to compile.
      chunk.code = chunk.code.replace(beyondAscii, escaped)
      // The bundler loads its runtime here for the side effects that it does not have.
      if (chunk.name === "cli") chunk.code = chunk.code.replace(new RegExp(`^${runtimeFile.source};`, "m"), "")
      if (["cli", "start", "engine", "exec"].includes(chunk.name)) {
        // Node's own modules take a millisecond each to load, and most starts use few of them.
        chunk.code = chunk.code
          .replace(builtin, (_, name, id) => `${name}=${lazy(id)}`)
          .replace(runtimeFile, () => `(exports=>{${runtime.code};return exports})({})`)
      }
    }
  },
}

const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
