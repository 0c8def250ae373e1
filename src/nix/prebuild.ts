import { join } from "node:path"
import { AlcidesError } from "../errors.ts"
import type { BuildRequest } from "./build.ts"
import { errorLines, type NixFailure } from "./failure.ts"
import { instantiate } from "./instantiate.ts"
import { runNix, type NixOptions } from "./nix.ts"
import { invalidPaths, outputsOf } from "./store.ts"

export type BuildResult = {
  readonly label: string
  readonly drvPaths: readonly string[]
  readonly outPaths: readonly string[]
}

/**
 * Builds everything in one go: each different derivation once, and the good ones also when others fail.
 *
 * Throws `nix-missing` and `prebuild-failed`, which names every build that failed.
 */
export async function prebuild(
  requests: readonly BuildRequest[],
  options: NixOptions,
): Promise<readonly BuildResult[]> {
  const instantiated = await instantiate(requests, options)
  const broken = instantiated.flatMap(({ label, failure }) => (failure === undefined ? [] : [{ label, failure }]))
  if (broken.length > 0) throw prebuildFailed(broken, { verb: "evaluate", of: instantiated })

  const drvPaths = [...new Set(instantiated.flatMap((build) => build.drvPaths))]
  if (drvPaths.length === 0) return instantiated.map(({ label }) => ({ label, drvPaths: [], outPaths: [] }))
  const roots = options.gcRoots === undefined ? [] : ["--add-root", join(options.gcRoots, "result")]
  // One call for all, because two that share a derivation wait for each other by polling.
  const realised = await runNix("nix-store", ["--realise", "--keep-going", ...drvPaths, ...roots], {
    ...options,
    show: "info",
  })
  const outputs = await outputsOf(drvPaths, options)
  const results = instantiated.map((build) => ({
    label: build.label,
    drvPaths: build.drvPaths,
    outPaths: build.drvPaths.flatMap((drvPath) => outputs.get(drvPath) ?? []),
  }))
  if (!realised.failed) return results

  const missing = new Set(await invalidPaths([...outputs.values()].flat(), options))
  const failure = { at: undefined, lines: errorLines(realised.stderr) }
  const failed = results.filter(({ outPaths }) => outPaths.some((path) => missing.has(path)))
  throw prebuildFailed(
    (failed.length > 0 ? failed : results).map(({ label }) => ({ label, failure })),
    { verb: "build", of: instantiated },
  )
}

function prebuildFailed(
  builds: readonly { readonly label: string; readonly failure: NixFailure }[],
  { verb, of }: { readonly verb: "evaluate" | "build"; readonly of: readonly { readonly label: string }[] },
): AlcidesError {
  const named = [...new Map(builds.map((build) => [build.label, build])).values()]
  const names = named.map(({ label, failure: { at } }) =>
    at === undefined || at === label ? label : `${label} (${at})`,
  )
  const texts = new Set(named.map(({ failure }) => failure.lines.join("\n")))
  return new AlcidesError({
    code: "prebuild-failed",
    message: `${named.length} of ${new Set(of.map(({ label }) => label)).size} builds did not ${verb}: ${names.join(", ")}`,
    hint: "mend it and try again with: alcides plan --build; no effect runs before everything builds",
    detail: [...texts].join("\n"),
  })
}
