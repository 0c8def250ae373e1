import type { Storage } from "../contract.ts"

/** A storage that other programs can open too, and that can be copied as it is. */
export type ProgramStorage = Storage & {
  readonly url: string
  /** What such a program's environment must hold. */
  readonly env: Readonly<Record<string, string>>
  copy(): Promise<ProgramStorage>
}
