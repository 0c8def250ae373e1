import { randomUUID } from "node:crypto"
import { stat } from "node:fs/promises"
import { locateSecrets, readSecrets } from "../../secrets/location.ts"
import { formatProject } from "../../state/names.ts"
import type { Project, StateStore } from "../../state/store.ts"
import type { Io } from "../io.ts"
import { openProjectStore, type StoreFlags } from "../store-options.ts"
import { currentWriter } from "../writer.ts"
import { checkEncryption } from "./encryption.ts"
import { thrown, type Finding } from "./finding.ts"

/** The project, its state store and its secrets file. */
export async function checkProject(io: Io, flags: StoreFlags): Promise<readonly Finding[]> {
  let store: StateStore
  try {
    store = await openProjectStore(io, flags)
  } catch (error) {
    return [thrown("project and store", error)]
  }
  const { project } = store
  return [
    { check: "project", result: "ok", fact: formatProject(project) },
    ...(await Promise.all([checkStore(io, store), checkEncryption(store), checkSecrets(io, project)])),
    ...(store.limits ?? []).map(limitOf),
  ]
}

// A shared lease is in nobody's way, and needs everything that a real write needs.
async function checkStore(io: Io, store: StateStore): Promise<Finding> {
  const check = "state store"
  try {
    const files = await store.list()
    const answer = await store.acquire({
      lock: "alcides.doctor",
      exclusive: false,
      description: "alcides doctor",
      holder: await currentWriter(io, store.project),
      ttl: 60,
      idempotencyKey: randomUUID(),
      queue: false,
    })
    if (answer.outcome === "acquired") await store.release(answer.lease.id)
    return { check, result: "ok", fact: `${store.url} can be read and written; ${count(files.length, "state file")}` }
  } catch (error) {
    return thrown(check, error)
  }
}

function limitOf(limit: string): Finding {
  const hint = "an s3: or file: store has no such limit; docs/guides/state-at-hercules-ci.md says what it means"
  return { check: "state store", result: "warn", fact: limit, hint }
}

async function checkSecrets({ env, cwd }: Io, project: Project): Promise<Finding> {
  const check = "secrets"
  const location = locateSecrets({ env, cwd, project })
  try {
    const { label, missing, entries } = await readSecrets(location)
    if (missing) {
      return {
        check,
        result: "warn",
        fact: `there is no ${label}`,
        hint: "only effects with secrets need it: alcides secret init-local makes one",
      }
    }
    const malformed = [...entries].filter(([, { status }]) => status === "malformed").map(([name]) => name)
    if (malformed.length > 0) {
      const hint = "alcides secret check says where and why"
      return { check, result: "warn", fact: `${label}: malformed: ${malformed.join(", ")}`, hint }
    }
    const mode = location.kind === "file" ? (await stat(location.path)).mode & 0o777 : 0
    if ((mode & 0o077) !== 0) {
      const fact = `${label} can be read by others (mode ${mode.toString(8).padStart(4, "0")})`
      return { check, result: "warn", fact, hint: `chmod 600 ${label}` }
    }
    return { check, result: "ok", fact: `${label}: ${count(entries.size, "secret")}` }
  } catch (error) {
    return thrown(check, error)
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`
}
