import { chmod, copyFile, rename } from "node:fs/promises"
import { join } from "node:path"
import {
  messageOf,
  toNixExpression,
  usageError,
  type EffectContext,
  type Json,
  type StateFile,
  type StateFileUse,
} from "alcides"
import { exportInvalid, readExport } from "./nixops-export.ts"

export type Deployment = {
  readonly name: string
  readonly stateName: string
  readonly knownHostsName: string
  /** Absolute; `undefined` for NixOps 2, which finds the network by itself. */
  readonly files: readonly string[] | undefined
  readonly networkArgs: { readonly [name: string]: Json }
}

/** NixOps' own check of all machines and resources. */
export async function checkDeployment({ run }: EffectContext): Promise<void> {
  await run("nixops", ["check"])
}

/** The state files of a deployment, as an effect lists them. */
export function deploymentState({
  stateName,
  knownHostsName,
  onMissingState,
  changes,
}: Pick<Deployment, "stateName" | "knownHostsName"> & {
  readonly onMissingState: "create" | "fail"
  readonly changes: boolean
}): readonly StateFileUse[] {
  const access = changes ? "write" : "read"
  const missingMeans = `a new deployment ${changes ? "will" : "would"} be created`
  return [
    { name: stateName, access, onMissing: onMissingState, missingMeans },
    { name: knownHostsName, access, mayBeEmpty: true },
  ]
}

/** Imports the deployment into a private database, or creates it there. Throws `nixops-state-invalid`. */
export async function openDeployment(
  { home, stateDir, stateFile, run, setEnv }: EffectContext,
  { name, stateName, knownHostsName, files, networkArgs }: Deployment,
): Promise<void> {
  // Nothing else is ever in this database, so that no command has to name the deployment.
  setEnv("NIXOPS_STATE", join(stateDir, "deployments.nixops"))
  await copyKnownHosts(stateFile(knownHostsName).path, knownHostsOf(home))

  const state = stateFile(stateName)
  if (state.version === "absent") {
    await run("nixops", ["create", "--deployment", name, ...(files ?? [])])
  } else {
    await assertExport(state)
    await run("nixops", ["import", "--include-keys"], { inputFile: state.path })
    if (files !== undefined) await run("nixops", ["modify", ...files])
  }
  const args = Object.entries(networkArgs).flatMap(([arg, value]) => ["--arg", arg, toNixExpression(value)])
  if (args.length > 0) await run("nixops", ["set-args", ...args])
}

/** Brings the state files up to date with the private database. Throws `nixops-export-invalid`. */
export async function exportDeployment(
  { home, stateDir, stateFile, run }: EffectContext,
  { stateName, knownHostsName }: Deployment,
): Promise<void> {
  const state = stateFile(stateName)
  const fresh = join(stateDir, "export.json")
  await run("nixops", ["export"], { outputFile: fresh })
  const before = state.version === "absent" ? undefined : await readExport(state.path)
  const after = await readExport(fresh).catch((error: unknown) => {
    throw exportInvalid(messageOf(error))
  })
  if (before !== undefined && before.uuid !== after.uuid) {
    throw exportInvalid(`it is deployment ${after.uuid}, and ${before.uuid} was opened`)
  }
  await rename(fresh, state.path)
  await copyKnownHosts(knownHostsOf(home), stateFile(knownHostsName).path)
}

async function assertExport({ path, name, version }: StateFile): Promise<void> {
  try {
    await readExport(path)
  } catch (error) {
    throw usageError({
      code: "nixops-state-invalid",
      message: `version ${version} of state file ${name} is no export of one NixOps deployment: ${messageOf(error)}`,
      hint: "choose another stateName, or put back a good version: alcides state rollback",
      cause: error,
    })
  }
}

const knownHostsOf = (home: string): string => join(home, ".ssh", "known_hosts")

// There is none before the first machine is known.
async function copyKnownHosts(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to)
    await chmod(to, 0o600)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error
  }
}
