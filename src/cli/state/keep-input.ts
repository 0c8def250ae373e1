import { AlcidesError, Exit, messageOf } from "../../errors.ts"
import type { StateStore, Writer } from "../../state/store.ts"
import type { Io } from "../io.ts"
import type { KnownBase } from "./base.ts"
import type { Input } from "./input.ts"

/** Whether the store itself failed, after all its attempts: not a refusal, and not a mistake in what was typed. */
export function isStoreFailure(error: unknown): error is AlcidesError {
  return error instanceof AlcidesError && error.code.startsWith("store-") && error.exit !== Exit.usage
}

const lasting = new Set(["store-unsafe", "store-denied", "store-credentials-refused"])

// What will not work by waiting is told as it stands.
function hintFor(error: unknown): string {
  if (!isStoreFailure(error)) return ""
  return lasting.has(error.code) && error.hint !== undefined ? `${error.hint}; then: ` : "when the store works again: "
}

const cutShort = new Set(["lease-lost", "state-write-too-long"])

/** Whether a write that had begun ended for no fault of whoever typed it, so that what was to be written must not be lost. */
export function isCutShort(error: unknown): boolean {
  return isStoreFailure(error) || !(error instanceof AlcidesError) || cutShort.has(error.code)
}

/** Keeps what could not be put for `alcides state recover`, and returns the failure that says so. Throws `state-not-kept`. */
export async function keepInput(
  io: Io,
  {
    store,
    name,
    input,
    base,
    writer,
    message,
    inClear,
    error,
  }: {
    readonly store: StateStore
    readonly name: string
    readonly input: Input
    readonly base: KnownBase | undefined
    readonly writer: Promise<Writer>
    readonly message: string | undefined
    readonly inClear: boolean
    readonly error: unknown
  },
): Promise<AlcidesError> {
  const { keepFile, keptHome } = await import("../../state/kept.ts")
  const kept = await keepFile({
    source: input.content(),
    name,
    project: store.project,
    store: store.url,
    base,
    writer: await writer,
    ...(message !== undefined && { message }),
    inClear,
    error,
    dir: keptHome(io.env),
    ...(store.encryption !== undefined && { encryption: store.encryption }),
  })
  return new AlcidesError({
    code: "state-not-put",
    message: `state file ${name} could not be put (${messageOf(error)}); it is kept in ${kept}`,
    hint: `${hintFor(error)}alcides state recover --file ${kept}`,
    exit: Exit.stateAtRisk,
    cause: error,
  })
}
