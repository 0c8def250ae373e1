import { existsSync, statSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3"
import type { ServerClock } from "./clock.ts"
import { markMissingCredentials } from "./credentials.ts"
import type * as Sdk from "./sdk.ts"
import { isAws, type S3Place } from "./url.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** The SDK, and a client of it. */
export type Connection = { readonly sdk: typeof Sdk; readonly client: S3Client }

// What requests to servers without regions are signed for.
const anyRegion = "us-east-1"
// In milliseconds.
const connectTimeout = 5_000
const idleTimeout = 30_000
// What a connection reads ahead, in bytes: whoever reads slowly then gets it in few large chunks, each of which costs a turn of threads.
const agent = { keepAlive: true, maxSockets: 50, highWaterMark: 512 * 1024 }

/** Loads the SDK and makes a client that tries once, and that tells the clock about each answer. No request is made. */
export async function connect({
  place,
  env,
  clock,
}: {
  readonly place: S3Place
  readonly env: Environment
  readonly clock: ServerClock
}): Promise<Connection> {
  const sdk = await import("./sdk.ts")
  const { endpoint, profile, forcePathStyle } = place
  const named = place.region ?? (profile === undefined ? env["AWS_REGION"] || undefined : undefined)
  const region = named ?? (isAws(endpoint) || isConfigured(env) ? undefined : anyRegion)
  const config: S3ClientConfig = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? credentialsOf(env) : { profile }),
    forcePathStyle,
    requestChecksumCalculation: place.checksums === "supported" ? "WHEN_SUPPORTED" : "WHEN_REQUIRED",
    // Contents and records carry a sha256 of their own, which is checked on the way to the reader.
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: connectTimeout,
      socketTimeout: idleTimeout,
      httpAgent: agent,
      httpsAgent: agent,
    },
  }
  let client = withoutWarning(() => new sdk.S3Client(config))
  // Servers that are not AWS mostly have no regions, but a request must be signed for one.
  if (region === undefined && endpoint !== undefined && !(await knowsRegion(client)))
    client = new sdk.S3Client({ ...config, region: anyRegion })
  markMissingCredentials(client, { profile: env["AWS_PROFILE"] || undefined })
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = performance.now()
      const result = await next(args)
      clock.answered({ date: dateOf(result.response), sent, received: performance.now() })
      return result
    },
    { step: "deserialize", name: "serverClock", priority: "low" },
  )
  return { sdk, client }
}

// Everything else (profiles, web identity, roles of machines) the SDK finds by itself.
function credentialsOf(env: Environment): Pick<S3ClientConfig, "credentials"> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env
  if (!accessKeyId || !secretAccessKey) return {}
  return { credentials: { accessKeyId, secretAccessKey, ...(token ? { sessionToken: token } : {}) } }
}

// Where a region may be told. Without these the SDK asks the machine it runs on, which takes long where there is none, and is no wiser
// about a server elsewhere.
function isConfigured({ HOME = homedir(), ...env }: Environment): boolean {
  const files = [
    env["AWS_CONFIG_FILE"] ?? join(HOME, ".aws/config"),
    env["AWS_SHARED_CREDENTIALS_FILE"] ?? join(HOME, ".aws/credentials"),
  ]
  return files.some((file) => existsSync(file) && statSync(file).isFile())
}

async function knowsRegion(client: S3Client): Promise<boolean> {
  try {
    await client.config.region()
    return true
  } catch {
    return false
  }
}

// A gateway in between that cannot reach the server answers with a time of its own.
function dateOf(response: unknown): string | undefined {
  if (typeof response !== "object" || response === null || !("headers" in response)) return undefined
  if (!("statusCode" in response) || typeof response.statusCode !== "number" || response.statusCode >= 500)
    return undefined
  const { headers } = response
  if (typeof headers !== "object" || headers === null || !("date" in headers)) return undefined
  return typeof headers.date === "string" ? headers.date : undefined
}

// Which version of the SDK is used is our choice, so its note on Node versions asks nothing of our users. It is printed when the first
// client is made, unless this variable is set, which is taken back because children inherit the environment.
function withoutWarning<T>(make: () => T): T {
  const name = "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"
  const before = process.env[name]
  process.env[name] = "true"
  try {
    return make()
  } finally {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  }
}
