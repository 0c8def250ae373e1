import { availableParallelism } from "node:os"
import { resolve } from "node:path"
import pLimit from "p-limit"
import { findProgramHome } from "../exec.ts"
import { buildLabel, type Build, type BuildContext, type BuildRequest } from "./build.ts"
import { nixFailure, type NixFailure } from "./failure.ts"
import { linesOf, requireNix, runNix, type NixOptions } from "./nix.ts"

export type Instantiated = {
  readonly label: string
  /** Derivations, as absolute paths into the store; a path may carry `!OUTPUT`. Empty when it failed. */
  readonly drvPaths: readonly string[]
  readonly failure?: NixFailure
}

/**
 * Evaluates builds to derivations, in parallel and each different one once, and builds nothing. The answers stand in the order of the requests.
 *
 * Throws `nix-missing`; an evaluation that failed is an answer with `failure`.
 */
export async function instantiate(
  requests: readonly BuildRequest[],
  options: NixOptions,
): Promise<readonly Instantiated[]> {
  if (requests.length === 0) return []
  requireNix(options.env)
  const limit = pLimit(options.concurrency ?? availableParallelism())
  const begun = new Map<string, Promise<Omit<Instantiated, "label">>>()
  const evaluations = await Promise.all(
    requests.map(async ({ build, src }) => evaluationOf(build, { src, env: options.env })),
  )
  const answers = evaluations.map(async (evaluation) => {
    const key = JSON.stringify(evaluation)
    const answer = begun.get(key) ?? limit(async () => evaluate(evaluation, options))
    begun.set(key, answer)
    return answer
  })
  const evaluated = await Promise.all(answers)
  return requests.flatMap(({ build }, index) => {
    const answer = evaluated[index]
    return answer === undefined ? [] : [{ label: buildLabel(build), ...answer }]
  })
}

// The trace tells where a mistake is; an expression may ask for a flake also where the user's settings do not.
const flags = ["--show-trace", "--extra-experimental-features", "nix-command flakes"]

type Evaluation = {
  readonly program: "nix" | "nix-instantiate"
  readonly args: readonly string[]
  readonly input: string | undefined
  readonly nixPath: string | undefined
  readonly files: readonly string[]
  readonly src: string
}

async function evaluationOf(
  build: Build,
  { src, env }: { readonly src: string; readonly env: Readonly<Record<string, string>> },
): Promise<Evaluation> {
  switch (build.type) {
    case "flake": {
      const args = ["eval", ...flags, "--raw", build.installable, "--apply", "drv: drv.drvPath"]
      return { program: "nix", args, input: undefined, nixPath: undefined, files: [], src }
    }
    case "file": {
      const file = resolve(src, build.file)
      const attribute = build.attribute === undefined ? [] : ["-A", build.attribute]
      const args = [...flags, file, ...attribute]
      return { program: "nix-instantiate", args, input: undefined, nixPath: undefined, files: [file], src }
    }
    case "expression": {
      const context: BuildContext = { env, findProgram: async (name) => findProgramHome(name, env["PATH"]) }
      const { expression, nixPath, files = [] } = build
      return {
        program: "nix-instantiate",
        args: [...flags, "-"],
        input: typeof expression === "function" ? await expression(context) : expression,
        nixPath: typeof nixPath === "function" ? await nixPath(context) : nixPath,
        files,
        src,
      }
    }
  }
}

async function evaluate(
  { program, args, input, nixPath, files, src }: Evaluation,
  options: NixOptions,
): Promise<Omit<Instantiated, "label">> {
  const { failed, stdout, stderr } = await runNix(program, args, {
    ...options,
    cwd: src,
    ...(input !== undefined && { input }),
    ...(nixPath !== undefined && { nixPath }),
  })
  if (failed) return { drvPaths: [], failure: nixFailure(stderr, { files, src }) }
  return { drvPaths: linesOf(stdout) }
}
