import type { Project } from "../state/store.ts"

export type ProjectOptions = {
  /** The value of `--project`, when given. */
  readonly flag?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Which project a command is about: the flag, else the environment, else git. Throws `project-unknown`. */
export declare function resolveProject(options: ProjectOptions): Promise<Project>
