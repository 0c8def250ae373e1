import type { ObjectStore } from "./objects.ts"
import type { Project } from "./store.ts"

/** Where the state files and locks of one project are, below the rules of a `StateStore`. */
export type ProjectObjects = { readonly objects: ObjectStore; readonly project: Project }
