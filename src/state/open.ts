import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { usageError } from "../errors.ts"
import { openFileStore } from "./drivers/file.ts"
import type { Encryption } from "./encryption/encryption.ts"
import type { CopySource } from "./history/copy-source.ts"
import { shownUrl } from "./shown-url.ts"
import { createStateStore } from "./object-state-store.ts"
import type { ObjectStore } from "./objects.ts"
import type { Project, StateStore } from "./store.ts"

export type OpenOptions = {
  /** Where a driver finds its credentials. Default: this program's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Default: what is put stays in clear, and what is encrypted cannot be read. */
  readonly encryption?: Encryption | undefined
}

// Loaded when such a store is opened: the S3 client alone takes longer to load than all the rest.
const drivers: Readonly<Record<string, (url: string, options: OpenOptions) => Promise<ObjectStore>>> = {
  "file:": async (url) => openFileStore(url),
  "s3:": async (url, options) => (await import("./drivers/s3.ts")).openS3Store(url, options),
}

type OpenFor<T> = (url: string, project: Project, options: OpenOptions) => Promise<T>

// Servers with rules of their own for versions and locks: they are no storage that ours could be laid over.
const servers: Readonly<Record<string, { readonly store: OpenFor<StateStore>; readonly source: OpenFor<CopySource> }>> =
  {
    "hercules:": {
      store: async (...where) => (await import("./drivers/hercules.ts")).openHerculesStore(...where),
      source: async (...where) => (await import("./drivers/hercules.ts")).openHerculesSource(...where),
    },
  }

/** Opens the store that a URL names; nothing is read or written yet. Throws `store-url-invalid` or `store-driver-unknown`. */
export async function openStore(url: string, project: Project, options: OpenOptions = {}): Promise<StateStore> {
  const server = servers[schemeOf(url)]
  if (server !== undefined) return server.store(url, project, options)
  return createStateStore({ objects: await openObjects(url, options), project, encryption: options.encryption })
}

/** Opens what the state files of a project are to be copied from. Throws as `openStore` does. */
export async function openSource(url: string, project: Project, options: OpenOptions = {}): Promise<CopySource> {
  const server = servers[schemeOf(url)]
  if (server !== undefined) return server.source(url, project, options)
  const { objectsSource } = await import("./history/copy-source.ts")
  return objectsSource({ objects: await openObjects(url, options), project })
}

/**
 * Opens the storage itself, without the rules for state files and locks.
 * Throws `store-url-invalid`, `store-driver-unknown`, or `store-unsupported` for a server that has rules of its own.
 */
export async function openObjects(url: string, options: OpenOptions = {}): Promise<ObjectStore> {
  const scheme = schemeOf(url)
  const open = drivers[scheme]
  if (open !== undefined) return open(url, options)
  if (servers[scheme] !== undefined) {
    throw usageError({
      code: "store-unsupported",
      message: `this cannot be done with a ${scheme} store: its server has rules of its own for what it stores`,
      hint: `it works with ${Object.keys(drivers).join(", ")} stores`,
    })
  }
  throw usageError({
    code: "store-driver-unknown",
    message: `there is no driver for ${scheme} stores in this version`,
    hint: `this version opens: ${Object.keys({ ...drivers, ...servers }).join(", ")}`,
  })
}

function schemeOf(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:/.exec(url)?.[0]
  if (scheme !== undefined) return scheme
  throw usageError({
    code: "store-url-invalid",
    message: `${JSON.stringify(shownUrl(url))} is no store URL`,
    hint: urlHint(shownUrl(url)),
  })
}

function urlHint(url: string): string {
  if (url.trim() === "") return "write file:///absolute/folder or s3://BUCKET/PREFIX"
  const lower = url.replace(/^[a-z]\w*:/i, (scheme) => scheme.toLowerCase())
  return lower === url ? `write file:${url} for a folder` : `write ${lower}: a scheme has small letters`
}

export type StoreChoice = {
  /** `--store`. */
  readonly flag: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the pipeline file says. */
  readonly configured: string | undefined
  /** Where relative `file:` URLs start. Default: the working directory. */
  readonly cwd?: string
}

/** Which store is meant: the flag, else `ALCIDES_STATE`, else the pipeline file's, else a folder of the user's. A URL that cannot be read is the driver's. */
export function storeUrl({ flag, env, configured, cwd = process.cwd() }: StoreChoice): string {
  const url =
    flag ?? (env["ALCIDES_STATE"] || undefined) ?? configured ?? pathToFileURL(join(stateHome(env), "alcides")).href
  const [, relative = "", query = ""] = /^file:(?!\/)([^?]+)(.*)$/.exec(url) ?? []
  const path = decoded(relative)
  if (path === undefined || path === "") return url
  return (
    pathToFileURL(
      resolve(
        cwd,
        path.replace(/^~(?=\/|$)/, () => homeOf(env)),
      ),
    ).href + query
  )
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** `$XDG_STATE_HOME`, else `~/.local/state`. See https://specifications.freedesktop.org/basedir-spec/latest/ */
export function stateHome(env: Readonly<Record<string, string | undefined>>): string {
  const { XDG_STATE_HOME: xdg } = env
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(homeOf(env), ".local", "state")
}

function homeOf({ HOME: home }: Readonly<Record<string, string | undefined>>): string {
  return home || homedir()
}
