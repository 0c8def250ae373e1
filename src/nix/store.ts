import { availableParallelism } from "node:os"
import pLimit from "p-limit"
import { AlcidesError } from "../errors.ts"
import { errorLines } from "./failure.ts"
import { linesOf, runNix, type NixOptions } from "./nix.ts"

/** The output paths of each derivation, built or not. A path such as `X.drv!dev` means that one output. */
export async function outputsOf(
  drvPaths: readonly string[],
  options: NixOptions,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const limit = pLimit(options.concurrency ?? availableParallelism())
  const entries = drvPaths.map(async (drvPath) => {
    const [drv = "", output] = drvPath.split("!")
    const all = await limit(async () => queryStore(["--query", "--outputs", drv], options))
    const paths = output === undefined ? all : all.filter((path) => path.endsWith(`-${output}`))
    return [drvPath, paths] as const
  })
  return new Map(await Promise.all(entries))
}

/** Those of the paths that are not in the store. */
export async function invalidPaths(paths: readonly string[], options: NixOptions): Promise<readonly string[]> {
  return paths.length === 0 ? [] : queryStore(["--check-validity", "--print-invalid", ...paths], options)
}

async function queryStore(args: readonly string[], options: NixOptions): Promise<readonly string[]> {
  const { failed, stdout, stderr } = await runNix("nix-store", args, options)
  if (!failed) return linesOf(stdout)
  throw new AlcidesError({
    code: "nix-store-failed",
    message: `the Nix store did not answer: nix-store ${args.slice(0, 2).join(" ")}`,
    hint: "check the store with: nix-store --verify",
    detail: errorLines(stderr).join("\n"),
  })
}
