import { relative } from "node:path"
import { AlcidesError } from "../../errors.ts"
import { detectRepo, type Origin } from "../../pipeline/detect.ts"
import { findPipelineFile } from "../../pipeline/find.ts"
import { loadPipeline } from "../../pipeline/load.ts"
import type { Io } from "../io.ts"
import { thrown, type Finding } from "./finding.ts"

/** The repository context and where each part of it came from, and the pipeline file. */
export async function checkRepository({ env, cwd }: Io): Promise<readonly Finding[]> {
  const { repo, origin, gitFailure } = await detectRepo({ env, cwd })
  if (gitFailure !== undefined)
    return [thrown("checkout", gitFailure), await checkPipelineFile({ cwd, root: repo.root })]
  return [
    repo.ref === null
      ? {
          check: "ref",
          result: "warn",
          fact: "unknown",
          hint: "a detached HEAD has no ref, and conditions on branches will not hold: add --branch NAME or --ref REF",
        }
      : { check: "ref", result: "ok", fact: `${repo.ref}${from(origin.ref)}${branchWords(repo)}` },
    repo.rev === null
      ? { check: "rev", result: "warn", fact: "unknown", hint: "run inside a git checkout with a commit, or add --rev" }
      : { check: "rev", result: "ok", fact: `${repo.rev}${from(origin.rev)}` },
    repo.defaultBranch === null
      ? {
          check: "default branch",
          result: "warn",
          fact: "unknown, so isDefaultBranch never holds",
          hint: "let git ask the remote for it: git remote set-head origin --auto",
        }
      : { check: "default branch", result: "ok", fact: `${repo.defaultBranch}${from(origin.defaultBranch)}` },
    await checkPipelineFile({ cwd, root: repo.root }),
  ]
}

async function checkPipelineFile(where: { readonly cwd: string; readonly root: string }): Promise<Finding> {
  const check = "pipeline file"
  try {
    const path = findPipelineFile(where)
    await loadPipeline(path)
    return { check, result: "ok", fact: relative(where.cwd, path) }
  } catch (error) {
    // Its absence fails `plan` and `run` alone; `state`, `lock` and `secret` do without.
    const finding = thrown(check, error)
    return error instanceof AlcidesError && error.code === "pipeline-missing" ? { ...finding, result: "warn" } : finding
  }
}

const from = (origin: Origin): string => ` (from ${origin})`

function branchWords({ branch, tag }: { readonly branch: string | null; readonly tag: string | null }): string {
  return branch === null && tag === null ? ", no branch and no tag" : ""
}
