import { connect, type Connection, type Environment } from "./client.ts"
import type { ServerClock } from "./clock.ts"
import { storeError } from "./errors.ts"
import { failureOf, type Failure, type Step } from "./failures.ts"
import { patience } from "./patience.ts"
import type { S3Place } from "./url.ts"

/** Called before each request, also before one that is sent again: tests stop the program there. */
export type OnStep = (step: Step) => void | Promise<void>

/** One request, and all that is read of its answer. Small ones pass the signal on, which ends them when they take too long. */
export type Request<T> = (connection: Connection, signal: AbortSignal) => Promise<T>

export type Outcome<T> = { readonly answer: T } | { readonly failure: Failure }

/** The one way in which the driver speaks with the server. */
export interface S3Requests {
  readonly place: S3Place
  /** Sends a request once. */
  attempt<T>(step: Step, request: Request<T>): Promise<Outcome<T>>
  /** Sends a request that may be repeated, again after passing failures. Throws an error that a person can act on. */
  send<T>(step: Step, request: Request<T>): Promise<T>
  /** As `send`, but `undefined` when the server itself says that nothing has this key. */
  find<T>(step: Step, request: Request<T>): Promise<T | undefined>
  error(failure: Failure, step: Step): Error
}

// In milliseconds; for requests and answers of a few KiB.
const smallTimeout = 10_000

/** Requests to one server; the SDK is loaded at the first. */
export function s3Requests({
  place,
  env,
  clock,
  onStep,
}: {
  readonly place: S3Place
  readonly env: Environment
  readonly clock: ServerClock
  readonly onStep: OnStep | undefined
}): S3Requests {
  let connection: Promise<Connection> | undefined

  const attempt = async <T>(step: Step, request: Request<T>): Promise<Outcome<T>> => {
    await onStep?.(step)
    const connected = await (connection ??= connect({ place, env, clock }))
    try {
      return { answer: await request(connected, AbortSignal.timeout(smallTimeout)) }
    } catch (thrown) {
      return { failure: failureOf(thrown) }
    }
  }

  const persist = async <T>(step: Step, request: Request<T>): Promise<Outcome<T>> => {
    const { another } = patience()
    for (;;) {
      const outcome = await attempt(step, request)
      if ("answer" in outcome || !(await another(outcome.failure))) return outcome
    }
  }

  const error = (failure: Failure, step: Step): Error => storeError({ failure, step, place })

  return {
    place,
    attempt,
    error,
    async send(step, request) {
      const outcome = await persist(step, request)
      if ("answer" in outcome) return outcome.answer
      throw error(outcome.failure, step)
    },
    async find(step, request) {
      const outcome = await persist(step, request)
      if ("answer" in outcome) return outcome.answer
      if (outcome.failure.code === "NoSuchKey" && outcome.failure.status === 404) return undefined
      throw error(outcome.failure, step)
    },
  }
}
