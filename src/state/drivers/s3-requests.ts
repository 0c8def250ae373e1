import { connect, type Connection } from "./s3-client.ts"
import type { ServerClock } from "./s3-clock.ts"
import { failureOf, storeError, type Failure, type Step } from "./s3-failures.ts"
import { patience } from "./s3-patience.ts"
import type { S3Place } from "./s3-url.ts"

/** Called before each request, also before one that is tried again: tests stop the program there. */
export type OnStep = (step: Step) => void | Promise<void>

/** One request and all that is read of its answer. */
export type Request<T> = (connection: Connection) => Promise<T>

export type Attempt<T> = { readonly answer: T } | { readonly failure: Failure }

/** The one way in which the driver speaks with the server. */
export interface S3Requests {
  /** Sends a request, again after passing failures; it must be one that may be repeated. Throws an error that a person can act on. */
  send<T>(step: Step, request: Request<T>): Promise<T>
  /** As `send`, but `undefined` when the server itself says that nothing is there. */
  find<T>(step: Step, request: Request<T>): Promise<T | undefined>
  /** Sends a request once, and gives back the failure instead of throwing it. */
  attempt<T>(step: Step, request: Request<T>): Promise<Attempt<T>>
  error(failure: Failure, step: Step): Error
}

/** Requests to one server; the SDK is loaded at the first. */
export function s3Requests({
  place,
  clock,
  env,
  onStep,
}: {
  readonly place: S3Place
  readonly clock: ServerClock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly onStep: OnStep | undefined
}): S3Requests {
  let connection: Promise<Connection> | undefined

  const attempt = async <T>(step: Step, request: Request<T>): Promise<Attempt<T>> => {
    await onStep?.(step)
    try {
      return { answer: await request(await (connection ??= connect({ place, clock, env }))) }
    } catch (thrown) {
      return { failure: failureOf(thrown) }
    }
  }

  const error = (failure: Failure, step: Step): Error => storeError({ failure, step, place })

  const find = async <T>(step: Step, request: Request<T>): Promise<T | undefined> => {
    const { another } = patience()
    for (;;) {
      const result = await attempt(step, request)
      if ("answer" in result) return result.answer
      if (result.failure.code === "NoSuchKey") return undefined
      if (!(await another(result.failure))) throw error(result.failure, step)
    }
  }

  return {
    attempt,
    error,
    find,
    async send(step, request) {
      const result = await find(step, async (connection) => ({ answer: await request(connection) }))
      if (result !== undefined) return result.answer
      throw error(
        {
          code: "NoSuchKey",
          status: 404,
          requestId: undefined,
          region: undefined,
          retryAfter: undefined,
          cause: undefined,
        },
        step,
      )
    },
  }
}
