import { stat } from "node:fs/promises"
import { cleanEnvironment } from "../effect/environment.ts"
import { usageError } from "../errors.ts"
import { findProgram } from "../exec.ts"
import type { Prepared, PrepareOptions } from "./prepare.ts"

/**
 * Checks what effects say must hold before anything runs: their folder, the programs on PATH, their own conditions.
 * Throws `src-missing`, `input-missing` and whatever `validate` of an effect throws.
 */
export async function validateEffects({ effects, detected }: Prepared, env: PrepareOptions["env"]): Promise<void> {
  // Hundreds of effects may need the same few programs.
  const looked = new Map<string, string | undefined>()
  const find = (program: string, path: string | undefined): string | undefined => {
    const key = `${program}\n${path}`
    if (!looked.has(key)) looked.set(key, findProgram(program, path))
    return looked.get(key)
  }
  for (const { node, src } of effects) {
    const { effect, id } = node
    if (!(await isFolder(src))) {
      throw usageError({
        code: "src-missing",
        message: `${id}: the folder ${src} is not there`,
        hint: "give src an existing folder, such as import.meta.dirname",
      })
    }
    const path = cleanEnvironment({ runner: env, passEnv: effect.passEnv, home: "/", tmp: "/", env: effect.env })[
      "PATH"
    ]
    for (const program of effect.inputs) {
      if (find(program, path) !== undefined) continue
      throw usageError({
        code: "input-missing",
        message: `${id} needs ${program}, which is not on PATH`,
        hint: `install ${program}, or add its folder to PATH`,
      })
    }
    await effect.validate?.({ repo: detected.repo, src })
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
