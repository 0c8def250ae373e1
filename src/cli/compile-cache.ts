import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

/** Lets Node keep what it compiled for the next start, from version 22.8 on: https://nodejs.org/api/module.html#module-compile-cache */
export function keepCompiled({ XDG_CACHE_HOME: cache, HOME: home }: NodeJS.ProcessEnv): void {
  if (!("getBuiltinModule" in process)) return
  const modules = process.getBuiltinModule("node:module")
  if (!("enableCompileCache" in modules)) return
  const { enableCompileCache } = modules
  if (typeof enableCompileCache !== "function") return
  const caches = cache !== undefined && isAbsolute(cache) ? cache : join(home || homedir(), ".cache")
  enableCompileCache(join(caches, "alcides"))
}
