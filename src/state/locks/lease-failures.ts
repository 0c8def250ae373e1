import { AlcidesError, Exit } from "../../errors.ts"
import { isGone } from "../../exec/this-process.ts"
import { describeLease } from "../failures.ts"
import { formatProject } from "../names.ts"
import type { Lease, LeaseAnswer, StateStore } from "../store.ts"

/** Somebody else has the lock; when that is a process of this machine which was killed, it says so. */
export async function lockNotObtained({
  store,
  lock,
  blocked: { by, ahead },
  waited,
}: {
  readonly store: Pick<StateStore, "url" | "project">
  readonly lock: string
  readonly blocked: Extract<LeaseAnswer, { readonly outcome: "blocked" }>
  readonly waited: boolean | number
}): Promise<AlcidesError> {
  const killed = await killedHolder(by)
  const [first] = by
  const others = by.length > 1 ? `, and ${by.length - 1} more` : ""
  const who =
    first === undefined ? `about to go to one of ${ahead} who asked before` : `held by ${describeLease(first)}${others}`
  const after = typeof waited === "number" ? ` after ${waited} seconds` : ""
  const fact = `the lock ${JSON.stringify(lock)} was not obtained${after}: it is ${who}`
  return new AlcidesError({
    code: "lock-not-obtained",
    message: killed === undefined ? fact : `${fact}; process ${killed.pid} of this machine held it, and has ended`,
    hint:
      killed === undefined
        ? "wait longer, or, when its holder is surely dead, `alcides lock break`"
        : `wait until then, or, when nothing that it started still runs: ${breakCommand(store, lock)}`,
    exit: Exit.notLocked,
  })
}

async function killedHolder(by: readonly Lease[]): Promise<{ readonly pid: number } | undefined> {
  for (const { holder } of by) if (holder.process !== undefined && (await isGone(holder.process))) return holder.process
  return undefined
}

function breakCommand({ url, project }: Pick<StateStore, "url" | "project">, lock: string): string {
  const flags = ["--project", formatProject(project), "--store", url, "--name", lock, "--reason", "its process ended"]
  return `alcides lock break ${flags.map(shellWord).join(" ")}`
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
