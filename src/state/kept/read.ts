import { rm } from "node:fs/promises"
import { dirname } from "node:path"
import { AlcidesError, Exit, unlessMissing, usageError } from "../../errors.ts"
import { identityMissing } from "../encryption/age-failures.ts"
import type { Encryption } from "../encryption/encryption.ts"
import { peekAgeFile } from "../encryption/age-file.ts"
import { aboutPath } from "./about.ts"
import { contentOf, digestOf } from "../content.ts"
import { syncFolder } from "./durable.ts"
import { keptInClear, readable } from "./failures.ts"
import type { Kept } from "./list.ts"

/**
 * How to read a kept file as it would have been put, as often as it takes. One with nothing beside it is encrypted when it is an age file.
 * Throws `state-identity-missing`, and `state-encryption-expected` when what was encrypted would be put in clear.
 */
export async function keptContent(
  { path, about }: Kept,
  encryption: Encryption | undefined,
): Promise<() => AsyncIterable<Uint8Array>> {
  const known = about === undefined ? await ageFileAt(path) : about.encrypted
  if (known === undefined) return () => contentOf(path)
  const { recipients } = known
  if (encryption === undefined) throw identityMissing({ where: path, recipients })
  if (encryption.recipients.length === 0) throw keptInClear(path)
  return () => encryption.decrypt(contentOf(path), { where: path, recipients })
}

async function ageFileAt(path: string): Promise<{ readonly recipients: readonly string[] } | undefined> {
  const { isAge, content } = await readable(path, peekAgeFile(contentOf(path)))
  await content[Symbol.asyncIterator]().return?.()
  return isAge ? { recipients: [] } : undefined
}

/** Throws `state-kept-damaged` unless the bytes of a kept file are those that were kept, and `state-kept-unknown` when it is gone. */
export async function assertUndamaged({ path, about }: Kept): Promise<void> {
  const found = await readable(path, unlessMissing(digestOf(contentOf(path)), undefined))
  if (found === undefined) {
    throw usageError({
      code: "state-kept-unknown",
      message: `${path} is not there any more`,
      hint: "another `alcides state recover` may have been first: see `alcides state history`",
    })
  }
  if (about === undefined || (found.size === about.size && found.sha256 === about.sha256)) return
  throw new AlcidesError({
    code: "state-kept-damaged",
    message: `${path} was kept with ${about.size} bytes and the sha256 ${about.sha256}, but has ${found.size} bytes and the sha256 ${found.sha256}`,
    hint: "nothing was put; if it was changed on purpose, put it with: alcides state put --file",
    exit: Exit.stateAtRisk,
  })
}

/** Removes a kept file that is safe in the store: first the file, so that what stays when this is interrupted is nobody's content. */
export async function removeKept(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(aboutPath(path), { force: true })
  await syncFolder(dirname(path))
}
