import { AlcidesError, usageError } from "../../errors.ts"
import { contentMissing, digestOf, hashed, verified } from "../content.ts"
import type { Encryption } from "../encryption/encryption.ts"
import { headRecords, type Heads } from "../records/heads.ts"
import { stateKeys } from "../keys.ts"
import { lockStore } from "../locks/locks.ts"
import { sweepOrphans, longestWrite, writeTooLong } from "./orphans.ts"
import { writePermission, type Permission } from "../locks/permission.ts"
import type { ProjectObjects } from "../project-objects.ts"
import { sealed, unsealed } from "../encryption/sealing.ts"
import type { StateRecord, StoredContent, VersionRecord } from "../records/state-record.ts"
import type { LeaseId } from "../store.ts"

/** How contents are to be stored: encrypted for the recipients of `encryption`, or in clear. */
export type Rekeying = { readonly encryption: Encryption | undefined; readonly inClear: boolean }

export type Rekeyed = {
  readonly name: string
  /** The versions whose content is stored anew, oldest first. */
  readonly changed: readonly number[]
  /** How many versions were so already. */
  readonly unchanged: number
}

/** Throws `rekey-recipients-missing`, or `rekey-unverifiable` when nobody here could read what is encrypted. */
export async function assertCanRekey({ encryption, inClear }: Rekeying): Promise<void> {
  if (inClear) return
  if (encryption === undefined || encryption.recipients.length === 0) {
    throw usageError({
      code: "rekey-recipients-missing",
      message: "no recipient is configured to encrypt for",
      hint: "add --recipient, set ALCIDES_AGE_RECIPIENTS, or decrypt everything with --in-clear",
    })
  }
  const own = await encryption.identities()
  if (own.some((recipient) => encryption.recipients.includes(recipient))) return
  throw usageError({
    code: "rekey-unverifiable",
    message:
      "none of the identities here could read what is encrypted for these recipients, so it could not be verified",
    hint: "add the identity of one of the new recipients with --identity, or be a recipient yourself",
  })
}

/** What `rekeyState` would change now. */
export async function planRekey(
  { objects, project }: ProjectObjects,
  { name, ...rekeying }: Rekeying & { readonly name: string },
): Promise<Rekeyed> {
  const record = await headRecords({ objects, project }).read(name)
  const kept = contentsOf(record)
  const changed = kept.filter((version) => !isAsWanted(version, rekeying))
  return { name, changed: changed.map(({ version }) => version), unchanged: kept.length - changed.length }
}

/**
 * Stores the content of every version anew, encrypted for other recipients or in clear. Each content is written beside the old one,
 * read back and compared; then the head names it, and the old one is removed. Killed in between, the head names either, and what is left
 * over is removed by a later rekey, prune or put. Throws `state-locked`, `lease-lost` and what reading a content throws.
 */
export async function rekeyState(
  { objects, project }: ProjectObjects,
  { name, lease, ...rekeying }: Rekeying & { readonly name: string; readonly lease: LeaseId },
): Promise<Rekeyed> {
  const heads = headRecords({ objects, project })
  const mayWrite = writePermission(name, { lease, locks: lockStore({ objects, project }) })
  const head = await heads.now(name)
  await mayWrite(head)
  const { blobs } = stateKeys(project, name)
  const changed: number[] = []
  const replaced = new Set<string>()
  for (const version of contentsOf(head.record)) {
    if (isAsWanted(version, rekeying)) continue
    changed.push(version.version)
    if (replaced.has(version.blob)) continue
    const started = await objects.now()
    const content = await storeAnew({ objects, blobs, name, version, ...rekeying })
    const mayName: Permission = async (seen) => {
      if ((await objects.now()) - started > longestWrite) throw writeTooLong(name)
      return mayWrite(seen)
    }
    const isNamed = await swapContent(heads, { name, mayWrite: mayName, old: version.blob, content })
    if (isNamed) replaced.add(version.blob)
    // At once: whom the old content was for is to read it no longer, also when a later one cannot be done.
    await objects.removeBlob(blobs, isNamed ? version.blob : content.blob)
  }
  await sweepOrphans(name, { objects, project, heads })
  return { name, changed, unchanged: contentsOf(head.record).length - changed.length }
}

type WithContent = VersionRecord & { readonly blob: string }

function contentsOf(record: StateRecord | undefined): readonly WithContent[] {
  return (record?.versions ?? []).filter((version): version is WithContent => version.blob !== undefined)
}

function isAsWanted({ encrypted }: VersionRecord, { encryption, inClear }: Rekeying): boolean {
  if (inClear || encrypted === undefined) return inClear && encrypted === undefined
  const [has, wants] = [new Set(encrypted.recipients), new Set(encryption?.recipients)]
  return has.size === wants.size && [...wants].every((recipient) => has.has(recipient))
}

async function storeAnew({
  objects,
  blobs,
  name,
  version,
  encryption,
  inClear,
}: Rekeying & {
  readonly objects: ProjectObjects["objects"]
  readonly blobs: string
  readonly name: string
  readonly version: WithContent
}): Promise<StoredContent> {
  const where = `version ${version.version} of ${JSON.stringify(name)}`
  // Opened when it is read, and not before: what is open and never read holds a connection.
  async function* read(stored: StoredContent): AsyncGenerator<Uint8Array> {
    const content = await objects.readBlob(blobs, stored.blob)
    if (content === undefined) throw contentMissing(where)
    yield* verified(content, { ...stored, where })
  }
  const open = (stored: StoredContent): AsyncIterable<Uint8Array> =>
    unsealed(read(stored), { where, encrypted: stored.encrypted, encryption })
  const clear = hashed(open(version))
  const { content, encrypted } = sealed(clear.content, inClear ? undefined : encryption)
  const { name: blob, size, sha256 } = await objects.writeBlob(blobs, { stem: String(version.version), content })
  const stored = { blob, size, sha256, ...(encrypted !== undefined && { encrypted }) }
  try {
    const again = await digestOf(open(stored))
    if (again.sha256 !== clear.digest().sha256) throw unverified(where)
    return stored
  } catch (error) {
    await objects.removeBlob(blobs, blob).catch(() => {})
    throw error
  }
}

// False when the old content was pruned meanwhile: then nobody wants the new one.
function swapContent(
  heads: Heads,
  {
    name,
    mayWrite,
    old,
    content,
  }: {
    readonly name: string
    readonly mayWrite: Permission
    readonly old: string
    readonly content: StoredContent
  },
): Promise<boolean> {
  return heads.update(name, async (head) => {
    const { record } = head
    // A swap that could not be told from a lost one may have landed all the same.
    if (record.versions.some(({ blob }) => blob === content.blob)) return { record, answer: true }
    if (!record.versions.some(({ blob }) => blob === old)) return { record, answer: false }
    const allowed = await mayWrite(head)
    const versions = allowed.versions.map((version) => {
      const { encrypted: _, ...rest } = version
      return version.blob === old ? { ...rest, ...content } : version
    })
    return { record: { ...allowed, versions }, answer: true }
  })
}

function unverified(where: string): AlcidesError {
  return new AlcidesError({
    code: "rekey-unverified",
    message: `${where} was encrypted anew, but read back otherwise than it was written`,
    hint: "the old content stands, and nothing was removed; check the machine's memory and the store, then try again",
  })
}
