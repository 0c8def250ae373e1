import { readFile, stat } from "node:fs/promises"
import { resolve } from "node:path"
import { usageError } from "../../errors.ts"
import { reasonOf } from "../../system-error.ts"
import { keysOfFile, keysOfList, type AgeKey } from "./age-keys.ts"
import type { Encryption } from "./encryption.ts"

export type EncryptionChoice = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where relative paths start. */
  readonly cwd: string
  /** `--recipient`: public keys. */
  readonly recipients?: readonly string[] | undefined
  /** `--identity`: files. */
  readonly identities?: readonly string[] | undefined
  /** The recipients that the pipeline file names. */
  readonly configured?: readonly AgeKey[] | undefined
  /** Told every secret key that is read, so that no line shows it. */
  readonly mask?: ((value: string) => void) | undefined
}

/**
 * How state is encrypted here; `undefined` when nothing says so. Recipients: the flags', else the environment's, else the pipeline
 * file's; identities: all that there are. Throws `age-recipient-invalid`, `age-identity-invalid`, `age-keys-not-readable`,
 * `age-keys-missing` and `age-identity-exposed`.
 */
export async function chooseEncryption(choice: EncryptionChoice): Promise<Encryption | undefined> {
  const [recipients, identities] = await Promise.all([recipientsOf(choice), identitiesOf(choice)])
  if (recipients.length === 0 && identities.length === 0) return undefined
  const { ageEncryption } = await import("./age.ts")
  return ageEncryption({ recipients, identities })
}

const variables = ["ALCIDES_AGE_RECIPIENTS", "ALCIDES_AGE_RECIPIENTS_FILE"] as const

async function recipientsOf({
  env,
  cwd,
  recipients = [],
  configured = [],
}: EncryptionChoice): Promise<readonly AgeKey[]> {
  if (recipients.length > 0) return someKeys(keysOfList(recipients.join(" "), "--recipient"), "--recipient")
  const { ALCIDES_AGE_RECIPIENTS: list = "", ALCIDES_AGE_RECIPIENTS_FILE: file = "" } = env
  const listed =
    list.trim() === "" ? [] : someKeys(keysOfList(list, "ALCIDES_AGE_RECIPIENTS"), "ALCIDES_AGE_RECIPIENTS")
  const filed = file === "" ? [] : await keysIn(file, { cwd })
  const keys = [...listed, ...filed]
  // A CI gives an empty value to a variable whose setting is missing.
  const empty = variables.find((name) => env[name] !== undefined)
  if (keys.length === 0 && configured.length === 0 && empty !== undefined) return someKeys([], empty)
  return keys.length > 0 ? keys : configured
}

async function identitiesOf({ env, cwd, identities = [], mask }: EncryptionChoice): Promise<readonly AgeKey[]> {
  const { ALCIDES_AGE_IDENTITY: text = "", ALCIDES_AGE_IDENTITY_FILE: file = "" } = env
  const keys = [...(text.trim() === "" ? [] : keysOfFile(text, "ALCIDES_AGE_IDENTITY"))]
  for (const path of [...(file === "" ? [] : [file]), ...identities]) {
    await assertOwn(resolve(cwd, path), path)
    keys.push(...(await keysIn(path, { cwd })))
  }
  // Also what turns out to be none: it may be a secret of another kind.
  for (const key of keys) mask?.(key.text)
  return keys
}

async function keysIn(path: string, { cwd }: { readonly cwd: string }): Promise<readonly AgeKey[]> {
  const text = await readFile(resolve(cwd, path), "utf8").catch((error: unknown) => {
    throw notReadable(path, error)
  })
  return someKeys(keysOfFile(text, path), path)
}

// Where somebody said that there are keys, none is a mistake: without it, state would go in clear unnoticed.
function someKeys(keys: readonly AgeKey[], where: string): readonly AgeKey[] {
  if (keys.length > 0) return keys
  throw usageError({
    code: "age-keys-missing",
    message: `${where}: there is no key`,
    hint: "write one age key a line, as `age-keygen` does, or take the setting away",
  })
}

// As ssh does: a file of somebody else, such as one that a cluster mounts, is their concern.
async function assertOwn(path: string, shown: string): Promise<void> {
  const info = await stat(path).catch((error: unknown) => {
    throw notReadable(shown, error)
  })
  if (!info.isFile() || info.uid !== process.geteuid?.() || (info.mode & 0o077) === 0) return
  throw usageError({
    code: "age-identity-exposed",
    message: `${shown} holds secret keys, and others can read it (mode ${(info.mode & 0o777).toString(8).padStart(4, "0")})`,
    hint: `chmod 600 ${shown}`,
  })
}

function notReadable(path: string, error: unknown): Error {
  return usageError({
    code: "age-keys-not-readable",
    message: `the age keys in ${path} cannot be read: ${reasonOf(error)}`,
    hint: "name a file that age-keygen made, and that you may read",
    cause: error,
  })
}
