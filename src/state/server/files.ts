import { pipeline } from "node:stream/promises"
import { AlcidesError } from "../../errors.ts"
import { extensionHeaders, type ApiStateVersion, type ProjectState } from "../hercules/api.ts"
import { parseVersion } from "../names.ts"
import type { Base, LeaseId, Project, StateVersion } from "../store.ts"
import { fullAccount, userOf } from "./accounts.ts"
import { answerDone, answerJson, Refusal } from "./answers.ts"
import { bytesOf } from "./body.ts"
import type { Call, ProjectCall } from "./call.ts"
import { sizedRead } from "./sized.ts"

// Milliseconds without a byte taken before a reader is given up.
const longestSilence = 120_000

/** `GET P/state/NAME/data?version=N`. */
export async function getState({ request, response, store, params, query }: ProjectCall): Promise<void> {
  const name = params["name"] ?? ""
  const wanted = versionOf(query)
  const read = await underLease(sizedRead(store, name, { ...wanted, ...leaseOf(request) }))
  if (read === undefined) throw absent(name, wanted.version)
  const { version, length, content } = read
  response.setTimeout(longestSilence, () => response.destroy())
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": String(length),
    "content-disposition": disposition(name),
    ...headersOf(version),
  })
  await pipeline(content, response)
}

/** `PUT P/state/NAME/data`. The last writer wins, as with Hercules CI, unless the request says what it is based on. */
export async function putState({ request, response, store, params, token }: ProjectCall): Promise<void> {
  const version = await underLease(
    store.put(params["name"] ?? "", bytesOf({ request, response }), {
      base: baseOf(request),
      writer: { by: token.name },
      ...leaseOf(request),
    }),
  )
  answerDone(response, headersOf(version))
}

/** `GET P/states`. */
export async function getStates({ response, store, project, service }: ProjectCall): Promise<void> {
  const projectId = service.projects.add(project)
  const files = (await store.histories())
    .filter(({ versions: [newest] }) => newest !== undefined && newest.deleted !== true)
    .map(({ name, versions }) => {
      const contents = versions.filter(({ deleted }) => deleted !== true)
      const listed = contents.map((version) => apiVersion({ project, projectId, name, version }))
      return [name, { projectId, name, versions: listed }] as const
    })
  const answer: ProjectState = { projectId, stateFiles: Object.fromEntries(files) }
  answerJson(response, answer)
}

function apiVersion({
  project,
  projectId,
  name,
  version: { version, created, writer, encrypted, sha256, size },
}: {
  readonly project: Project
  readonly projectId: string
  readonly name: string
  readonly version: StateVersion
}): ApiStateVersion {
  return {
    projectId,
    name,
    version,
    creationTime: created,
    job: null,
    uploader: fullAccount(userOf(writer.by, project)),
    // Those of an encrypted version are not of what a client gets.
    sha256: encrypted === undefined ? sha256 : null,
    size: encrypted === undefined ? size : null,
  }
}

function absent(name: string, version: number | undefined): Refusal {
  const what = `state file ${JSON.stringify(name)}`
  return new Refusal(
    404,
    version === undefined ? `there is no ${what}` : `there is no version ${version} of the ${what}`,
  )
}

function versionOf(query: Call["query"]): { readonly version?: number } {
  const text = query.get("version")
  if (text === null) return {}
  const version = parseVersion(text)
  if (version === undefined) throw new Refusal(400, `${JSON.stringify(text)} is no version: they count 1, 2, 3 …`)
  return { version }
}

function baseOf({ headers }: Call["request"]): Base {
  const text = headers[extensionHeaders.base]
  if (text === undefined) return "current"
  if (text === "absent") return "absent"
  const version = typeof text === "string" ? parseVersion(text) : undefined
  if (version === undefined) throw new Refusal(400, `${extensionHeaders.base} must be a version or \`absent\``)
  return version
}

function leaseOf({ headers }: Call["request"]): { readonly lease?: LeaseId } {
  const id = headers[extensionHeaders.lease]
  return typeof id === "string" ? { lease: { id } } : {}
}

// 404 would say that the state file is not there.
async function underLease<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof AlcidesError && error.code === "lease-lost") throw new Refusal(409, error.message)
    throw error
  }
}

function headersOf({ version }: StateVersion): Readonly<Record<string, string>> {
  return { etag: `"${version}"`, [extensionHeaders.version]: String(version) }
}

// See https://www.rfc-editor.org/rfc/rfc6266
function disposition(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_")
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
