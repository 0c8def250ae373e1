import { AlcidesError } from "../../errors.ts"
import { formatProject } from "../../state/names.ts"
import { isPruned } from "../../state/records/state-record.ts"
import type { StateStore } from "../../state/store.ts"

/** The failure that says what there is instead: `state-absent`, or `state-version-absent`. */
export async function absentState(
  store: StateStore,
  { name, version }: { readonly name: string; readonly version?: number | undefined },
): Promise<AlcidesError> {
  const where = `${formatProject(store.project)} at ${store.url}`
  const versions = (await store.history(name)) ?? []
  const [newest] = versions
  if (newest === undefined) {
    const names = (await store.list()).map((file) => file.name)
    return new AlcidesError({
      code: "state-absent",
      message: `there is no state file ${name} in ${where}`,
      hint: names.length === 0 ? "there is none at all: check --project and --store" : `there is: ${names.join(", ")}`,
    })
  }
  if (version !== undefined) {
    return new AlcidesError({
      code: "state-version-absent",
      message: isPruned(versions, version)
        ? `version ${version} of state file ${name} was pruned from ${where}`
        : `state file ${name} has no version ${version} with content in ${where}`,
      hint: `the newest is ${newest.version}; see \`alcides state history --name ${name}\``,
    })
  }
  return new AlcidesError({
    code: "state-absent",
    message: `state file ${name} was deleted from ${where}`,
    hint: `\`alcides state rollback --name ${name} --to VERSION\` brings a version back; see \`alcides state history --name ${name}\``,
  })
}
