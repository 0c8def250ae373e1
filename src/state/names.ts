import { usageError } from "../errors.ts"
import type { Project } from "./store.ts"

// In bytes. A lock's may be longer, so that every state file's own lock has a name.
const longest = { state: 200, lock: 220 }

// Control characters, the separators of lines and paragraphs, and halves of characters. With \p{…}, to compile it took a millisecond.
const unprintable = /[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]/u

function problemOf(kind: "state" | "lock", name: string): string | undefined {
  if (name === "") return "it is empty"
  if (name.includes("/") || name.includes("\\")) return "it contains a slash"
  if (name === "." || name.includes("..")) return "it contains `..` or is `.`"
  if (unprintable.test(name)) return "it contains a control character"
  if (Buffer.byteLength(name) > longest[kind]) return `it is longer than ${longest[kind]} bytes`
  return undefined
}

function assertName(kind: "state" | "lock", name: string): void {
  const problem = problemOf(kind, name)
  if (problem === undefined) return
  throw usageError({
    code: `${kind}-name-invalid`,
    message: `${JSON.stringify(name)} is no ${kind} name: ${problem}`,
    hint: `use a plain file name such as ${kind === "state" ? "nixops-foo.json" : "production"}`,
  })
}

/** Throws `state-name-invalid` unless the name could be a plain file name. */
export function assertStateName(name: string): void {
  assertName("state", name)
}

/** Throws `lock-name-invalid` unless the name could be a plain file name. */
export function assertLockName(name: string): void {
  // Every state file has a lock, also one whose name begins with a dot.
  if (lockedState(name) === undefined) assertName("lock", name)
}

/** Reads `github/neat-org/neat-repo`. Throws `project-invalid` for anything but three non-empty parts. */
export function parseProject(text: string): Project {
  const parts = text.split("/")
  const [site, owner, name] = parts
  const plain = (part: string | undefined): part is string =>
    part !== undefined && part !== "" && part !== "." && part !== ".." && !/[\0-\x1f\x7f-\x9f\\]/.test(part)
  if (parts.length !== 3 || !plain(site) || !plain(owner) || !plain(name)) {
    throw usageError({
      code: "project-invalid",
      message: `${JSON.stringify(text)} is no project`,
      hint: "write SITE/OWNER/REPO, such as github/neat-org/neat-repo",
    })
  }
  return { site, owner, name }
}

/** The opposite of `parseProject`. */
export function formatProject({ site, owner, name }: Project): string {
  return `${site}/${owner}/${name}`
}

/** The lock that guards one state file: who holds it exclusively is the only one who may write the file. */
export function stateLock(name: string): string {
  return `${stateLockPrefix}${name}`
}

/** The opposite of `stateLock`; `undefined` for any other lock. */
export function lockedState(lock: string): string | undefined {
  const name = lock.startsWith(stateLockPrefix) ? lock.slice(stateLockPrefix.length) : ""
  return problemOf("state", name) === undefined ? name : undefined
}

const stateLockPrefix = "alcides.state."

/** A version as written; `undefined` for what is none. They count 1, 2, 3 … */
export function parseVersion(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}
