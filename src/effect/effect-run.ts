import type { Log } from "../log.ts"
import type { Repo } from "../repo.ts"
import type { Redactor } from "../secrets/redactor.ts"
import type { Secret } from "../secrets/secret.ts"
import type { Lease, StateStore, Writer } from "../state/store.ts"
import type { Effect, PhaseName, SecretData } from "./effect.ts"

/** Everything that one run of an effect needs. */
export type EffectRun = {
  readonly effect: Effect
  readonly repo: Repo
  readonly src: string
  readonly store: StateStore
  /** Leases of the state files, by state file. */
  readonly leases: ReadonlyMap<string, Lease>
  readonly secrets: ReadonlyMap<string, Secret<SecretData>>
  readonly redactor: Redactor
  readonly log: Log
  /** The environment that we were started with. */
  readonly runner: Readonly<Record<string, string | undefined>>
  /** Added to the environment of the effect's programs, such as where the store is. */
  readonly env: Readonly<Record<string, string>>
  readonly writer: Writer
  readonly signal: AbortSignal
  /** Where private folders are made. */
  readonly privateParent: string
  /** Where state goes that cannot be put. */
  readonly keptFolder: string
  /** Told when a phase begins. */
  readonly onPhase?: (phase: PhaseName) => void
}
