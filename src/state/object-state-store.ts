import type { Encryption } from "./encryption/encryption.ts"
import { headRecords } from "./records/heads.ts"
import { lockStore } from "./locks/locks.ts"
import { lockedState } from "./names.ts"
import type { ObjectStore } from "./objects.ts"
import { stateFiles } from "./state-files.ts"
import type { Project, StateStore } from "./store.ts"

/** The state store of one project, over any driver. */
export function createStateStore({
  objects,
  project,
  encryption,
}: {
  readonly objects: ObjectStore
  readonly project: Project
  readonly encryption?: Encryption | undefined
}): StateStore {
  const heads = headRecords({ objects, project })
  const { ownLease, ancestors, held, ...leases } = lockStore({ objects, project })
  const { guard, ...files } = stateFiles({
    objects,
    project,
    heads,
    locks: { ownLease, ancestors, held },
    encryption,
  })
  return {
    url: objects.url,
    project,
    ...(encryption !== undefined && { encryption }),
    ...files,
    ...leases,
    async acquire(request) {
      const answer = await leases.acquire(request)
      const state = lockedState(request.lock)
      if (answer.outcome === "acquired" && state !== undefined) await guard(state, answer.lease)
      return answer
    },
  }
}
