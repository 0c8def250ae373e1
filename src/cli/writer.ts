import type { Project, Writer } from "../state/store.ts"
import { formatProject } from "../state/names.ts"
import type { Io } from "./io.ts"

/** Who writes, for versions and leases. The commit is told only when the checkout here is the project's own. */
export async function currentWriter({ env, cwd }: Io, project: Project): Promise<Writer> {
  const { detectRepo } = await import("../pipeline/detect.ts")
  const { repo, writer } = await detectRepo({ env, cwd })
  if (`${repo.site}/${repo.owner}/${repo.name}` === formatProject(project)) return writer
  const { rev: _, ...withoutRev } = writer
  return withoutRev
}
