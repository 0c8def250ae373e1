import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename, dirname, extname, isAbsolute, join, relative } from "node:path"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import type * as esbuild from "esbuild"
import { dirSync, setGracefulCleanup } from "tmp-promise"
import { AlcidesError, messageOf, usageError } from "../errors.ts"
import type { Pipeline } from "./pipeline.ts"
import { placesOf } from "./stack.ts"

/**
 * Loads a pipeline file, TypeScript or JavaScript, as it stands: no build step, no installed `alcides` needed.
 * Throws `pipeline-syntax` and `pipeline-failed` with the user's own line, and `pipeline-no-export`.
 */
export async function loadPipeline(path: string): Promise<Pipeline> {
  // The pipeline's own code may end this process, and what fails beside it may end the command before this has loaded.
  setGracefulCleanup()
  const { name: folder, removeCallback: remove } = dirSync({ prefix: "alcides-pipeline-", unsafeCleanup: true })
  try {
    const outfile = join(folder, `${basename(path, extname(path))}.mjs`)
    await bundle({ path, outfile })
    process.setSourceMapsEnabled(true)
    const module: unknown = await import(pathToFileURL(outfile).href).catch((error: unknown) => {
      throw pipelineFailed({ path, error })
    })
    const exported = typeof module === "object" && module !== null && "default" in module ? module.default : undefined
    if (!isPipeline(exported)) {
      throw usageError({
        code: "pipeline-no-export",
        message: `${basename(path)} has no pipeline as its default export`,
        hint: "write: export default pipeline(({ repo }) => ({ … }))",
      })
    }
    return exported
  } finally {
    remove()
  }
}

/** What the user's own code threw, with the user's own line. A usage error of ours passes as it is, with the line added. */
export function pipelineFailed({ path, error }: { readonly path: string; readonly error: unknown }): AlcidesError {
  const where = userLine({ path, stack: error instanceof Error ? error.stack : undefined })
  const at = where === undefined ? basename(path) : where
  if (error instanceof AlcidesError) {
    const { code, message, hint, cause, exit, detail } = error
    return new AlcidesError({ code, message: `${at}: ${message}`, hint, cause, exit, detail })
  }
  return usageError({
    code: "pipeline-failed",
    message: `${at}: ${messageOf(error)}`,
    hint: isRequire(error)
      ? "a pipeline file is an ES module: write import … from, and export default"
      : "the pipeline threw this; nothing was run",
    cause: error,
  })
}

// What Node and esbuild say of `require` and `module.exports`.
function isRequire(error: unknown): boolean {
  return /^(Dynamic require of|(require|module|exports) is not defined)/.test(messageOf(error))
}

// The first frame that is not ours: the stack is mapped back to the sources by Node.
function userLine({ path, stack }: { readonly path: string; readonly stack: string | undefined }): string | undefined {
  const folder = dirname(path)
  for (const { file, line, column } of placesOf(stack)) {
    const local = relative(folder, file)
    if (local.startsWith("..") || isAbsolute(local) || local.includes("node_modules")) continue
    return `${local}:${line}:${column}`
  }
  return undefined
}

function isPipeline(value: unknown): value is Pipeline {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "pipeline"
}

// `import()` would first read the whole of this CommonJS file for the names it exports.
function loadEsbuild(): typeof esbuild {
  return createRequire(import.meta.url)("esbuild")
}

async function bundle({ path, outfile }: { readonly path: string; readonly outfile: string }): Promise<void> {
  const { build } = loadEsbuild()
  try {
    await build({
      entryPoints: [path],
      outfile,
      absWorkingDir: dirname(path),
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20.11",
      conditions: ["node", "import"],
      sourcemap: "inline",
      logLevel: "silent",
      tsconfigRaw: {},
      plugins: [ownPackages, plainSources],
    })
  } catch (error) {
    throw syntaxError({ path, error })
  }
}

function syntaxError({ path, error }: { readonly path: string; readonly error: unknown }): AlcidesError {
  const [first] = esbuildErrors(error)
  const at =
    first?.location == null
      ? basename(path)
      : `${first.location.file}:${first.location.line}:${first.location.column + 1}`
  return usageError({
    code: "pipeline-syntax",
    message: `${at}: ${first?.text ?? messageOf(error)}`,
    hint: "the pipeline file could not be read; nothing was run",
    cause: error,
  })
}

type EsbuildError = {
  readonly text: string
  readonly location?: { readonly file: string; readonly line: number; readonly column: number } | null
}

function esbuildErrors(error: unknown): readonly EsbuildError[] {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors) ? error.errors : []
}

// The entry points that stand beside this module: in dist/ after a build, in the sources before one.
const entryPoints: Readonly<Record<string, readonly string[]>> = {
  alcides: ["./index.js", "../index.js", "../index.ts"],
  "alcides/effects": ["./effects.js", "../effects.js", "../../effects/index.ts"],
  "alcides/testing": ["./testing.js", "../testing.js", "../testing/index.ts"],
}

// `alcides` is always the running one, so that there is one copy of every class; other packages are loaded by Node from where they lie.
const ownPackages: esbuild.Plugin = {
  name: "own-packages",
  setup({ onResolve, resolve: resolveWithEsbuild }) {
    onResolve({ filter: /^alcides(\/.*)?$/ }, ({ path }) => {
      const entry = entryPoints[path]
        ?.map((candidate) => new URL(candidate, import.meta.url))
        .find((url) => existsSync(fileURLToPath(url)))
      return entry === undefined ? undefined : { path: entry.href, external: true }
    })
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (path.startsWith("node:") || pluginData === "resolving") return undefined
      const found = await resolveWithEsbuild(path, { kind, importer, resolveDir, pluginData: "resolving" })
      if (found.errors.length > 0 || found.external) return found
      return { path: pathToFileURL(found.path).href, external: true }
    })
  },
}

// Bundling moves the code, and with it what `import.meta` means; each file keeps its own.
const plainSources: esbuild.Plugin = {
  name: "plain-sources",
  setup({ onLoad }) {
    onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8")
      const loader: esbuild.Loader = /\.[cm]?ts$/.test(path) ? "ts" : "js"
      if (!source.includes("import.meta")) return { contents: source, loader }
      const { transform } = loadEsbuild()
      const { code } = await transform(source, {
        loader,
        sourcefile: path,
        sourcemap: "inline",
        target: "node20.11",
        tsconfigRaw: {},
        define: {
          "import.meta.dirname": JSON.stringify(dirname(path)),
          "import.meta.filename": JSON.stringify(path),
          "import.meta.url": JSON.stringify(pathToFileURL(path).href),
        },
      })
      return { contents: code, loader: "js", resolveDir: dirname(path) }
    })
  },
}
