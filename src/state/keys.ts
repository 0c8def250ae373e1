import { createHash, randomBytes } from "node:crypto"
import { formatProject } from "./names.ts"
import type { Project } from "./store.ts"

const longestSegment = 160

/** One path segment for any name: the same on file systems that ignore case, and never longer than they allow. */
export function encodeSegment(name: string): string {
  const encoded = Array.from(Buffer.from(name), (byte, index) => {
    const char = String.fromCharCode(byte)
    return /[a-z0-9_-]/.test(char) || (char === "." && index > 0) ? char : `%${byte.toString(16).padStart(2, "0")}`
  }).join("")
  return encoded.length <= longestSegment ? encoded : `${encoded.slice(0, longestSegment - 66)}%%${hash(name)}`
}

/** The folder of all state files of a project. */
export function statesFolder({ site, owner, name }: Project): string {
  return `projects/${encodeSegment(site)}/${encodeSegment(owner)}/${encodeSegment(name)}/state`
}

/** The key of a state file's head record, and the folder of its blobs. */
export function stateKeys(project: Project, name: string): { readonly head: string; readonly blobs: string } {
  const folder = `${statesFolder(project)}/${encodeSegment(name)}`
  return { head: `${folder}/head`, blobs: `${folder}/blobs` }
}

/** The folder of all lock records of a project. Two projects may share one: the record says whose it is. */
export function locksFolder(project: Project): string {
  return `locks/${projectPart(project)}`
}

/** The key of a lock's record. */
export function lockKey(project: Project, lock: string): string {
  return `${locksFolder(project)}/${lockPart(project, lock)}`
}

// A lease id is a UUID of version 8 (RFC 9562) that begins with the key of its lock: pppppppl-llll-8lll-vlll-rrrrrrrrrrrr.
// So a lease id alone is enough to renew or release, with no index that could disagree with the lock.
const leaseIdPattern = /^([0-9a-f]{7})([0-9a-f])-([0-9a-f]{4})-8([0-9a-f]{3})-[89ab]([0-9a-f]{3})-[0-9a-f]{12}$/

/** A new lease id for this lock. */
export function newLeaseId(project: Project, lock: string): string {
  const part = lockPart(project, lock)
  const random = randomBytes(7).toString("hex")
  const variant = "89ab"[Number.parseInt(random.slice(12), 16) % 4] ?? "8"
  return `${projectPart(project)}${part.slice(0, 1)}-${part.slice(1, 5)}-8${part.slice(5, 8)}-${variant}${part.slice(8, 11)}-${random.slice(0, 12)}`
}

/** The key of the lock that a lease is of; `undefined` when no lease has such an id. */
export function lockKeyOfLease(leaseId: string): string | undefined {
  const [, project, a, b, c, d] = leaseIdPattern.exec(leaseId.toLowerCase()) ?? []
  return project === undefined ? undefined : `locks/${project}/${[a, b, c, d].join("")}`
}

const projectPart = (project: Project): string => hash(formatProject(project)).slice(0, 7)
const lockPart = (project: Project, lock: string): string => hash(`${formatProject(project)}/${lock}`).slice(0, 11)

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
