import { createRequire } from "node:module"
import type * as esbuild from "esbuild"

/** What compiles pipeline files. */
export function loadEsbuild(): typeof esbuild {
  // `import()` would first read the whole of this CommonJS file for the names it exports.
  return createRequire(import.meta.url)("esbuild")
}

/** Starts esbuild's own process, so that it is there when the modules that use it are. */
export async function startEsbuild(): Promise<void> {
  try {
    await loadEsbuild().transform("")
  } catch {
    // The same is told when a pipeline is loaded.
  }
}
