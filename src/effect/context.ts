import { resolve } from "node:path"
import { AlcidesError, usageError } from "../errors.ts"
import { runProgram } from "../exec.ts"
import type { Log } from "../log.ts"
import type { Repo } from "../repo.ts"
import type { Redactor } from "../secrets/redactor.ts"
import type { Secret } from "../secrets/secret.ts"
import type { Effect, EffectContext, RunOptions, RunResult, SecretData, StateFile } from "./effect.ts"
import type { PrivateFolder } from "./private-folder.ts"

export type ContextParts = {
  readonly effect: Effect
  readonly repo: Repo
  readonly src: string
  readonly log: Log
  readonly redactor: Redactor
  /** Whether a text holds what no argument of a program may hold. */
  readonly holdsSecret: (text: string) => boolean
  readonly folder: PrivateFolder
  /** Shared by all phases: `setEnv` changes it. */
  readonly env: Record<string, string>
  readonly secrets: ReadonlyMap<string, Secret<SecretData>>
  readonly stateFiles: ReadonlyMap<string, StateFile>
}

/** What one phase works with; `signal` is its own, since putState must go on where the others are ended. */
export function createContext(parts: ContextParts, signal: AbortSignal): EffectContext {
  const { effect, repo, src, log, folder, env, secrets, stateFiles } = parts
  return {
    repo,
    log,
    signal,
    src,
    home: folder.home,
    stateDir: folder.state,
    run: (program, args, options = {}) => run(parts, { program, args, options, signal }),
    secret(name) {
      const secret = secrets.get(name)
      if (secret !== undefined) return secret
      throw usageError({
        code: "secret-not-granted",
        message: `effect ${effect.name} has no secret ${JSON.stringify(name)}`,
        hint: `add it to the effect's secretsMap: { ${name}: "NAME-IN-SECRETS-JSON" }`,
      })
    },
    stateFile(name) {
      const file = stateFiles.get(name)
      if (file !== undefined) return file
      throw usageError({
        code: "state-file-not-declared",
        message: `effect ${effect.name} does not list the state file ${JSON.stringify(name)}`,
        hint: "list it in the effect's state, so that it is fetched, locked and put back",
      })
    },
    setEnv(name, value) {
      env[name] = value
    },
  }
}

type RunRequest = {
  readonly program: string
  readonly args: readonly string[]
  readonly options: RunOptions
  readonly signal: AbortSignal
}

async function run(
  { effect, src, log, redactor, holdsSecret, env }: ContextParts,
  { program, args, options, signal }: RunRequest,
): Promise<RunResult> {
  const { input, inputFile, outputFile, output = "show", success } = options
  // Everybody on the machine can read the arguments of a program.
  if (args.some(holdsSecret)) {
    throw new AlcidesError({
      code: "secret-in-argument",
      message: `effect ${effect.name} would give a secret to ${program} as an argument`,
      hint: "hand it over by file or standard input: run(program, args, { input: secret })",
    })
  }
  const cwd = resolve(src, options.cwd ?? ".")
  return runProgram(program, args, {
    env: { ...env, ...options.env },
    cwd,
    signal,
    redactor,
    onLine: (line, from) => {
      if (from === "stderr" || output === "show") log.info(line)
    },
    ...(input !== undefined && { input: typeof input === "string" ? input : input.reveal() }),
    ...(inputFile !== undefined && { inputFile: resolve(cwd, inputFile) }),
    ...(outputFile !== undefined && { outputFile: resolve(cwd, outputFile) }),
    ...(success !== undefined && { success }),
  })
}
