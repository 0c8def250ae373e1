// What keeps `alcides state get` near the start-up of Node itself: esbuild plugins, each with its reason.
import { readFile } from "node:fs/promises"
import { dirname } from "node:path"

/**
 * The store's few schemas are written with zod/mini. It shares its core with the classic zod of the effects, and chunks are shared
 * whole, so that all of the core would be compiled at every start. A copy of its own keeps only what the store uses.
 */
export const ownZodMini = {
  name: "own-zod-mini",
  setup({ onLoad, onResolve, resolve }) {
    const namespace = "zod-mini"
    const own = async (path, options) => {
      const found = await resolve(path, { ...options, pluginData: namespace })
      return { ...found, namespace, sideEffects: false }
    }
    onResolve({ filter: /^zod\/mini$/ }, ({ path, kind, resolveDir, pluginData }) =>
      pluginData === namespace ? undefined : own(path, { kind, resolveDir }),
    )
    onResolve({ filter: /./, namespace }, ({ path, kind, importer, pluginData }) =>
      pluginData === namespace ? undefined : own(path, { kind, resolveDir: dirname(importer) }),
    )
    onLoad({ filter: /./, namespace }, async ({ path }) => ({
      contents: await readFile(path, "utf8"),
      resolveDir: dirname(path),
    }))
  },
}

/** Commander can start executables as sub-commands. We have none, and loading child_process costs as much as commander itself. */
export const commanderStartsNothing = {
  name: "commander-starts-nothing",
  setup({ onLoad, onResolve }) {
    const namespace = "nothing"
    onResolve({ filter: /^(node:)?child_process$/ }, ({ importer }) =>
      importer.includes("/commander/") ? { path: "nothing", namespace } : undefined,
    )
    onLoad({ filter: /./, namespace }, () => ({ contents: "module.exports = {}" }))
  },
}
