import { peekAgeFile } from "../../encryption/age-file.ts"
import type { Encryption } from "../../encryption/encryption.ts"
import { assertInClear, unsealed } from "../../encryption/sealing.ts"
import { publicVersion, type VersionRecord } from "../../records/state-record.ts"
import type { StateRead } from "../../store.ts"

/** The server keeps no word on encryption: an age file is known by how it begins, and for whom it is by nothing but trying. */
const encrypted = { recipients: [] }

type Opening = {
  readonly name: string
  readonly version: VersionRecord
  /** Whether the content is an age file. */
  readonly isAge: boolean
  readonly content: AsyncIterable<Uint8Array>
  readonly encryption: Encryption | undefined
}

/** Stored content as it was put. */
export function openedContent({ name, version, isAge, content, encryption }: Opening): StateRead {
  const found = publicVersion(version)
  if (!isAge) return { version: found, content }
  const where = `version ${version.version} of ${JSON.stringify(name)}`
  return { version: { ...found, encrypted }, content: unsealed(content, { where, encrypted, encryption }) }
}

/** Throws `state-encryption-expected` when what is written in clear would follow this version, and this version is encrypted. */
export async function assertClear(
  name: string,
  { version }: VersionRecord,
  stored: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { isAge, content } = await peekAgeFile(stored)
  await content[Symbol.asyncIterator]().return?.()
  assertInClear(name, [{ version, encrypted: isAge ? encrypted : undefined }])
}
