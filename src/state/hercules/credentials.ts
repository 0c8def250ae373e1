import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import * as z from "../../schema.ts"
import { unlessMissing, usageError } from "../../errors.ts"
import type { AlcidesError } from "../../errors.ts"
import { reasonOf } from "../../system-error.ts"

type Environment = Readonly<Record<string, string | undefined>>

const effectSecretsSchema = z.object({
  "hercules-ci": z.object({ data: z.object({ token: z.string() }) }),
})

// What stands there for another host may have any shape.
const credentialsSchema = z.object({ domains: z.record(z.string(), z.unknown()) })
const domainSchema = z.object({ personalToken: z.string() })

/**
 * The token for Hercules CI's API, looked for where `hci` looks and in its order: HERCULES_CI_API_TOKEN, inside an effect its secrets,
 * else what `hci login` wrote for this host. Throws `store-credentials-missing` and `store-credentials-malformed`.
 */
export async function readToken({ env, host }: { readonly env: Environment; readonly host: string }): Promise<string> {
  const { HERCULES_CI_API_TOKEN: token, HERCULES_CI_SECRETS_JSON: secrets, IN_HERCULES_CI_EFFECT: inEffect } = env
  if (token !== undefined && token !== "") return plainToken(token, "HERCULES_CI_API_TOKEN")
  if (inEffect === "true" && secrets !== undefined && secrets !== "") return effectToken(secrets)
  return personalToken({ path: join(configHome(env), "hercules-ci", "credentials.json"), host })
}

async function effectToken(path: string): Promise<string> {
  const text = await readText(path)
  if (text === undefined)
    throw malformed({ where: path, what: "does not exist, though HERCULES_CI_SECRETS_JSON names it" })
  const secrets = parse(text, { path, schema: effectSecretsSchema })
  return plainToken(secrets["hercules-ci"].data.token, `"hercules-ci".data.token in ${path}`)
}

async function personalToken({ path, host }: { readonly path: string; readonly host: string }): Promise<string> {
  const text = await readText(path)
  const domains = text === undefined ? {} : parse(text, { path, schema: credentialsSchema }).domains
  if (Object.hasOwn(domains, host)) {
    const found = shaped(domains[host], { path, schema: domainSchema, at: ["domains", host] })
    return plainToken(found.personalToken, `the token for ${host} in ${path}`)
  }
  throw usageError({
    code: "store-credentials-missing",
    message: `there is no token for ${host}: HERCULES_CI_API_TOKEN is not set, and ${path} ${text === undefined ? "does not exist" : `has none for ${host}`}`,
    hint: "run `hci login`, or set HERCULES_CI_API_TOKEN",
  })
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await unlessMissing(readFile(path, "utf8"), undefined)
  } catch (cause) {
    throw malformed({ where: path, what: `cannot be read: ${reasonOf(cause)}`, cause })
  }
}

type Shape<T> = { readonly path: string; readonly schema: T; readonly at?: readonly string[] }

function parse<T extends z.ZodMiniType>(text: string, shape: Shape<T>): z.output<T> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw malformed({ where: shape.path, what: "is no JSON" })
  }
  return shaped(json, shape)
}

// What is wrong is told by its place alone: the parser's own words would quote the file.
function shaped<T extends z.ZodMiniType>(value: unknown, { path, schema, at = [] }: Shape<T>): z.output<T> {
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  const place = [...at, ...(parsed.error.issues[0]?.path.map(String) ?? [])].join(".") || "its root"
  throw malformed({ where: path, what: `does not have the shape that hci writes (at ${place})` })
}

// What else could stand there would make another header of it, or none.
function plainToken(token: string, where: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw malformed({ where, what: token === "" ? "is empty" : "has a character that no token has" })
}

function malformed({
  where,
  what,
  cause,
}: {
  readonly where: string
  readonly what: string
  readonly cause?: unknown
}): AlcidesError {
  return usageError({
    code: "store-credentials-malformed",
    message: `${where} ${what}`,
    hint: "write it anew with `hci login`, or set HERCULES_CI_API_TOKEN",
    cause,
  })
}

function configHome({ XDG_CONFIG_HOME: xdg, HOME: home }: Environment): string {
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(home || homedir(), ".config")
}
