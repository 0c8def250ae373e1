import type { IncomingMessage, ServerResponse } from "node:http"
import type { Project, StateStore } from "../store.ts"
import type { KnownProjects } from "./projects.ts"
import type { Access, EffectTokens, Token } from "./tokens.ts"

/** What all requests to one server share. */
export type Service = {
  readonly store: (project: Project) => Promise<StateStore>
  readonly tokens: readonly Token[]
  readonly effectTokens: EffectTokens
  readonly projects: KnownProjects
  /** The project of a clone's URL; `undefined` when it is no such URL. */
  readonly projectOfUrl: (url: string) => Project | undefined
  readonly leases: LeaseProjects
  /** Whether a lock was asked for with this key before. */
  readonly asked: (idempotencyKey: string) => boolean
}

/** Where a lease belongs, which its routes do not say. */
export type LeaseProjects = {
  add(leaseId: string, project: Project): void
  /** `undefined` when there is no such lease. */
  find(leaseId: string): Promise<Project | undefined>
}

/** One request, after its sender is known and its route found. */
export type Call = {
  readonly service: Service
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly token: Token
  /** The named pieces of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
}

/** One request about one project, after it is known that its sender may make it. */
export type ProjectCall = Call & { readonly project: Project; readonly store: StateStore }

export type Route = {
  readonly method: "GET" | "PUT" | "POST" | "DELETE"
  /** Such as `projects/:projectId/states`. */
  readonly path: string
} & (
  | { readonly access: Access; readonly answer: (call: ProjectCall) => Promise<void> }
  | { readonly access: "any"; readonly answer: (call: Call) => Promise<void> }
)
