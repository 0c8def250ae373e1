import { AlcidesError, Exit, messageOf } from "../../errors.ts"
import { assertStateName, formatProject } from "../names.ts"
import type { Project } from "../store.ts"
import type { CopySource } from "./copy-source.ts"

/** The source has none of the project's. */
export function nothingToCopy({
  from,
  project,
}: {
  readonly from: CopySource
  readonly project: Project
}): AlcidesError {
  return new AlcidesError({
    code: "state-absent",
    message: `there are no state files of ${formatProject(project)} at ${from.url}`,
    hint: "check --project and the URL; nothing was copied",
  })
}

/** Other servers allow names that could lead out of a folder here. Throws `state-name-invalid`. */
export function assertNameFits(name: string, at: string): void {
  try {
    assertStateName(name)
  } catch (cause) {
    throw new AlcidesError({
      code: "state-name-invalid",
      message: `at ${at}, ${messageOf(cause)}`,
      hint: "all others are copied; get this one with `hci state get`, and put it under another name",
      cause,
    })
  }
}

// Why a state file is left out while the others are copied.
const leftAlone: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  "state-diverged": {
    why: "the target is no earlier state of the source",
    hint: "copy into an empty store, then compare the two with `alcides state history` and decide which goes on",
  },
  "state-name-invalid": {
    why: "they have names that are no plain file names",
    hint: "get them with `hci state get`, and put them under other names",
  },
}

/** Whether this is about one state file alone, so that the others can be copied. */
export function isLeftAlone(error: unknown): error is AlcidesError {
  return error instanceof AlcidesError && leftAlone[error.code] !== undefined
}

/** What ends a copy that left some state files out; `isPart` when others were copied now. */
export function leftOut(
  refused: readonly [AlcidesError, ...AlcidesError[]],
  { isPart }: { readonly isPart: boolean },
): AlcidesError {
  const exit = isPart ? Exit.partOfFleet : Exit.failed
  const [{ code, message, hint, cause }, ...others] = refused
  if (others.length === 0) return new AlcidesError({ code, message, hint, cause, exit })
  const reasons = [...new Set(refused.map((error) => error.code))].sort().flatMap((one) => leftAlone[one] ?? [])
  return new AlcidesError({
    code,
    message: `${refused.length} state files were left alone: ${reasons.map(({ why }) => why).join(", or ")}; all others are copied`,
    hint: reasons.map((reason) => reason.hint).join("; "),
    exit,
    detail: refused.map((error) => error.message).join("\n"),
  })
}
