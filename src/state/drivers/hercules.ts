import type { Encryption } from "../encryption/encryption.ts"
import { readToken } from "../hercules/credentials.ts"
import type { CopySource } from "../history/copy-source.ts"
import type { Project, StateStore } from "../store.ts"
import { herculesFiles } from "./hercules/files.ts"
import { herculesClient, usualLimits, type HerculesLimits } from "./hercules/client.ts"
import { unsupported } from "./hercules/failures.ts"
import type { Server } from "./hercules/listing.ts"
import { herculesLocks } from "./hercules/locks.ts"
import { projectRoutes } from "./hercules/project.ts"
import { herculesSource } from "./hercules/source.ts"
import { taskFiles } from "./hercules/task.ts"
import { parseHerculesUrl, projectRoute, type HerculesPlace } from "./hercules/url.ts"

const shortcomings = [
  "Hercules CI's API compares nothing when a state file is put: only who takes its lock is kept from overwriting others",
  "it gives no fencing tokens: a holder that was paused can have one put on its way when its lease ends",
]

export type HerculesOptions = {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly encryption?: Encryption | undefined
  /** How long it goes on after failures; what is left out is as usual. */
  readonly patience?: Partial<HerculesLimits>
}

/**
 * Opens Hercules CI's own state and locks: `hercules:`, `hercules:https://HOST` or `hercules:current-task`.
 * Throws `store-url-invalid` and `project-id-invalid`; the token is looked for at each request.
 */
export function openHerculesStore(url: string, project: Project, options: HerculesOptions = {}): StateStore {
  const { encryption } = options
  const { place, server } = reach(url, project, options)
  const { client } = server
  const locks = herculesLocks(server)
  const files = place.isTask
    ? taskFiles({ client, locks, encryption })
    : herculesFiles({ client, routes: projectRoutes(server), locks, encryption })
  const { known: _, confirm: __, ...leases } = locks
  return {
    url: place.url,
    project,
    limits: shortcomings,
    ...(encryption !== undefined && { encryption }),
    ...files,
    ...leases,
  }
}

/**
 * Opens a project's state files on such a server, to be copied from there. Throws `store-url-invalid`, `project-id-invalid`, and
 * `store-unsupported` for `hercules:current-task`.
 */
export function openHerculesSource(url: string, project: Project, options: HerculesOptions = {}): CopySource {
  const { place, server } = reach(url, project, options)
  if (place.isTask) {
    throw unsupported({
      what: "list the state files of a task",
      hint: "copy them with another store URL, such as hercules:, and a user's token",
    })
  }
  return herculesSource(server, place.url)
}

function reach(
  url: string,
  project: Project,
  { env = process.env, patience }: HerculesOptions,
): { readonly place: HerculesPlace; readonly server: Server } {
  const place = parseHerculesUrl(url, env)
  const client = herculesClient({
    place,
    token: () => readToken({ env, host: place.base.hostname }),
    limits: { ...usualLimits, ...patience },
  })
  return { place, server: { client, project, route: projectRoute(project, env) } }
}
