import * as z from "zod/mini"
import { usageError } from "../../../errors.ts"

/** Where an S3 store is, and how to speak with its server. */
export type S3Place = {
  readonly bucket: string
  /** Empty, or ends with a slash. */
  readonly prefix: string
  /** `undefined`: what the SDK finds in the profile. */
  readonly region: string | undefined
  /** `undefined`: AWS. */
  readonly endpoint: string | undefined
  readonly forcePathStyle: boolean
  readonly checksums: "required" | "supported"
  readonly profile: string | undefined
  /** Opens the same store, also where the environment is another; without credentials. */
  readonly url: string
}

const bucketPattern = /^[a-z0-9][a-z0-9._-]{1,253}[a-z0-9]$/i

const endpoint = z.string().check(
  z.refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    return (
      url !== undefined && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash
    )
  }),
)
const region = z.string().check(z.regex(/^[a-z0-9-]+$/i))
const name = z.string().check(z.regex(/^[\w.@ +:/-]+$/))

const optionsSchema = z.strictObject({
  region: z.optional(region),
  endpoint: z.optional(endpoint),
  forcePathStyle: z.optional(z.enum(["true", "false"])),
  checksums: z.optional(z.enum(["required", "supported"])),
  profile: z.optional(name),
})

const expected: Readonly<Record<string, string>> = {
  region: "a region such as eu-central-1",
  endpoint: "an address such as https://s3.example.org, without credentials and query",
  forcePathStyle: "true or false",
  checksums: "required or supported",
  profile: "the name of a profile in ~/.aws/config",
}

/** Reads `s3://bucket/prefix?region=…`. Throws `store-url-invalid`, which never repeats a value: it might be a secret. */
export function parseS3Url(url: string, env: Readonly<Record<string, string | undefined>> = {}): S3Place {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) throw invalid("it cannot be read as a URL")
  if (parsed.username !== "" || parsed.password !== "")
    throw invalid("it contains credentials", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile")
  if (parsed.hash !== "") throw invalid("it has a part after #")
  const bucket = parsed.host
  if (!bucketPattern.test(bucket)) throw invalid("what follows s3:// is no bucket name")

  const given = optionsOf(parsed.searchParams)
  const segments = segmentsOf(parsed.pathname)
  const prefix = segments.map((segment) => `${segment}/`).join("")
  const address = given.endpoint ?? addressIn(env)
  const elsewhere = address !== undefined && !isAws(address)
  const region = given.region ?? (given.profile === undefined ? regionIn(env) : undefined)
  const options = new URLSearchParams(parsed.searchParams)
  if (region !== undefined) options.set("region", region)
  if (address !== undefined) options.set("endpoint", address)
  return {
    bucket,
    prefix,
    region,
    endpoint: address,
    forcePathStyle: given.forcePathStyle === undefined ? elsewhere : given.forcePathStyle === "true",
    checksums: given.checksums ?? (elsewhere ? "required" : "supported"),
    profile: given.profile,
    url: `s3://${[bucket, ...segments.map(encodeURIComponent)].join("/")}${options.size === 0 ? "" : `?${options.toString()}`}`,
  }
}

// The SDK takes it from there, too, and would tell whatever is in it.
function addressIn(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const name = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].find((variable) => env[variable])
  if (name === undefined) return undefined
  const address = z.safeParse(endpoint, env[name], { jitless: true })
  if (address.success) return address.data
  throw usageError({
    code: "store-url-invalid",
    message: `${name} must be ${expected["endpoint"]}`,
    hint: "correct it, or name the server with endpoint= in the store's URL",
  })
}

// What is no region is left to the SDK, which tells so.
function regionIn(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const found = z.safeParse(region, env["AWS_REGION"], { jitless: true })
  return found.success ? found.data : undefined
}

/** Whether the server is AWS itself. */
export function isAws(endpoint: string | undefined): boolean {
  return endpoint === undefined || /(^|\.)amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname)
}

function optionsOf(query: URLSearchParams): z.output<typeof optionsSchema> {
  const names = [...query.keys()]
  const repeated = names.find((option, index) => names.indexOf(option) !== index)
  if (repeated !== undefined) throw invalid(`the option ${JSON.stringify(repeated)} is given twice`)
  const options = z.safeParse(optionsSchema, Object.fromEntries(query), { jitless: true })
  if (options.success) return options.data
  const [issue] = options.error.issues
  const option = issue?.code === "unrecognized_keys" ? undefined : String(issue?.path[0])
  if (option !== undefined) throw invalid(`${option} must be ${expected[option] ?? "something else"}`)
  const unknown = names.find((key) => !(key in expected)) ?? ""
  throw invalid(`${JSON.stringify(unknown)} is no option of s3:`, `the options are ${Object.keys(expected).join(", ")}`)
}

function segmentsOf(path: string): readonly string[] {
  const segments = path.split("/").filter((segment) => segment !== "")
  try {
    const decoded = segments.map(decodeURIComponent)
    if (decoded.every((segment) => !/^\.{1,2}$|[\p{Cc}/\\]/u.test(segment))) return decoded
  } catch {
    // Told below.
  }
  throw invalid("its prefix has a segment that no key should have")
}

function invalid(
  problem: string,
  hint = "write s3://BUCKET/PREFIX?region=REGION, with endpoint=ADDRESS for a server that is not AWS",
) {
  return usageError({ code: "store-url-invalid", message: `this is no s3: URL: ${problem}`, hint })
}
