import { AlcidesError, Exit, messageOf } from "../../../errors.ts"
import type { VersionRecord } from "../../records/state-record.ts"

type Written = { readonly name: string; readonly written: VersionRecord }

/** Somebody who takes no locks wrote at the same time. */
export function raced({
  name,
  written,
  versions,
}: Written & { readonly versions: readonly VersionRecord[] }): AlcidesError {
  const others = versions
    .filter((version) => version !== written)
    .map(({ version, writer }) => `version ${version} by ${writer.by}`)
  return new AlcidesError({
    code: "state-raced",
    message: `${JSON.stringify(name)} was written as version ${written.version}, but at the same time came ${others.join(", ")}`,
    hint: "nothing is erased: compare these versions, and put what is right; let everyone who writes take the lock",
    exit: Exit.stateAtRisk,
  })
}

/** The server said yes, and does not list what it took. */
export function putUnconfirmed({
  name,
  versions,
}: {
  readonly name: string
  readonly versions: readonly VersionRecord[]
}): AlcidesError {
  const found = versions.map(({ version, writer }) => `version ${version} by ${writer.by}`).join(", ")
  return new AlcidesError({
    code: "state-put-unconfirmed",
    message: `the server took ${JSON.stringify(name)}, but does not list it: it lists ${found || "no new version"}`,
    hint: "look at `alcides state history`, and put it again when it is not there",
    exit: Exit.stateAtRisk,
  })
}

/** It was written, but the lock may have been somebody else's by then. */
export function leaseLostMeanwhile({
  name,
  written: { version },
  cause,
}: Written & { readonly cause: unknown }): AlcidesError {
  return new AlcidesError({
    code: "state-lease-unconfirmed",
    message: `${JSON.stringify(name)} was written as version ${version}, but then its lease could not be confirmed: ${messageOf(cause)}`,
    hint: "nothing is erased: look at `alcides state history` for versions of others around it",
    exit: Exit.stateAtRisk,
    cause,
  })
}
