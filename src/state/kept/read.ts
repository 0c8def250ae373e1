import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { rm } from "node:fs/promises"
import { dirname } from "node:path"
import { AlcidesError, Exit, unlessMissing, usageError } from "../../errors.ts"
import { identityMissing } from "../encryption/age-failures.ts"
import type { Encryption } from "../encryption/encryption.ts"
import { aboutPath } from "./about.ts"
import { syncFolder } from "./durable.ts"
import type { Kept } from "./list.ts"

/** The content of a kept file as it would have been put, to be read as often as it takes. */
export function keptContent({ path, about }: Kept, encryption: Encryption | undefined): AsyncIterable<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = createReadStream(path)
  const recipients = about?.encrypted?.recipients
  if (recipients === undefined) return stream
  if (encryption !== undefined) return encryption.decrypt(stream, { where: path, recipients })
  throw identityMissing({ where: path, recipients })
}

/** Throws `state-kept-damaged` unless the bytes of a kept file are those that were kept, and `state-kept-unknown` when it is gone. */
export async function assertUndamaged({ path, about }: Kept): Promise<void> {
  const found = await unlessMissing(digest(createReadStream(path)), undefined)
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

/** Size and sha256 of content. */
export async function digest(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash("sha256")
  let size = 0
  for await (const chunk of content) {
    hash.update(chunk)
    size += chunk.byteLength
  }
  return { size, sha256: hash.digest("hex") }
}

/** Removes a kept file that is safe in the store: first the file, so that what stays when this is interrupted is nobody's content. */
export async function removeKept(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(aboutPath(path), { force: true })
  await syncFolder(dirname(path))
}
