import type { StateRecord, VersionRecord } from "../../records/state-record.ts"
import type { LeaseId } from "../../store.ts"

/** One state file as the server shows it at one moment. */
export interface Look {
  readonly record: StateRecord
  /** A version's content as it is stored. */
  content(version: VersionRecord): AsyncIterable<Uint8Array>
  /** Nothing is read any more. */
  end(): Promise<void>
}

/** State files by one kind of routes: a project's, or those of the running task. */
export interface FileRoutes {
  /** The route of a state file's content. */
  data(name: string): readonly string[]
  look(name: string, lease?: LeaseId): Promise<Look>
  all(): Promise<readonly StateRecord[]>
}
