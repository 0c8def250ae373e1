import type { Encryption } from "../encryption/encryption.ts"
import { readToken } from "../hercules/credentials.ts"
import type { Project, StateStore } from "../store.ts"
import { herculesFiles } from "./hercules/files.ts"
import { herculesClient } from "./hercules/http.ts"
import { herculesLocks } from "./hercules/locks.ts"
import { usualPatience, type Patience } from "./hercules/patience.ts"
import { projectRoute } from "./hercules/routes.ts"
import { taskFiles } from "./hercules/task.ts"
import { parseHerculesUrl } from "./hercules/url.ts"

const limits = [
  "Hercules CI's API compares nothing when a state file is put: only who takes its lock is kept from overwriting others",
  "it gives no fencing tokens: a holder that was paused can have one put on its way when its lease ends",
]

export type HerculesOptions = {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly encryption?: Encryption | undefined
  readonly patience?: Patience
}

/**
 * Opens Hercules CI's own state and locks: `hercules:`, `hercules:https://HOST` or `hercules:current-task`.
 * Throws `store-url-invalid` and `project-id-invalid`; the token is looked for at the first request.
 */
export function openHerculesStore(
  url: string,
  project: Project,
  { env = process.env, encryption, patience = usualPatience }: HerculesOptions = {},
): StateStore {
  const place = parseHerculesUrl(url, env)
  const { base, isTask } = place
  let token: Promise<string> | undefined
  const client = herculesClient({
    place,
    token: () => (token ??= readToken({ env, host: base.hostname })),
    patience,
  })
  const route = projectRoute(project, env)
  const server = { base, project }
  const { known, confirm, ...leases } = herculesLocks({ client, route, server })
  const locks = { known, confirm, ...leases }
  const files = isTask
    ? taskFiles({ client, locks, encryption })
    : herculesFiles({ client, route, server, locks, encryption })
  return { url: place.url, project, limits, ...(encryption !== undefined && { encryption }), ...files, ...leases }
}
