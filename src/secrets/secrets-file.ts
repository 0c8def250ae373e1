import { usageError } from "../errors.ts"
import * as z from "../schema.ts"
import { type Condition, conditionSchema } from "./condition.ts"
import { formatPath, type JsonPath, locateJson } from "./json-positions.ts"
import { Secret } from "./secret.ts"
import type { SecretData } from "./secrets-map.ts"

export type SecretProblem = {
  /** Such as `neat-aws.condition.and[1]`. */
  readonly path: string
  /** `line:column`. */
  readonly position: string
  readonly message: string
}

export type SecretEntry =
  | { readonly status: "ok"; readonly data: Secret<SecretData>; readonly condition: Condition | undefined }
  | { readonly status: "malformed"; readonly problems: readonly SecretProblem[] }

/** What `secrets.json` says. One malformed entry fails only what needs it. */
export type SecretsFile = {
  /** What to call it: a path, or the name of an environment variable. */
  readonly label: string
  /** There is no such file, which matters only to those who need a secret of it. */
  readonly missing: boolean
  readonly entries: ReadonlyMap<string, SecretEntry>
  /** Fields that stand there twice. */
  readonly repeated: readonly SecretProblem[]
}

// Hercules CI's format: unknown fields are ignored, null means absent.
const entrySchema = z.object(
  {
    kind: z.literal("Secret", { error: ({ input }) => `expected "Secret", got ${describe(input)}` }),
    apiVersion: z.optional(z.null({ error: () => "expected no such field" })),
    // No record, which would drop a field called __proto__.
    data: z.custom<SecretData>(isObject, { error: ({ input }) => `expected an object, got ${describe(input)}` }),
    condition: z.optional(
      z.pipe(
        z.transform((value): unknown => value ?? undefined),
        z.optional(conditionSchema),
      ),
    ),
  },
  { error: ({ input }) => `expected an object, got ${describe(input)}` },
)

type ParseOptions = { readonly text: string; readonly label: string }

/** Reads the text of a `secrets.json`. Throws `json-invalid`, `secrets-file-invalid`; never quotes a value. */
export function parseSecretsFile({ text, label }: ParseOptions): SecretsFile {
  const json = text.replace(/^\uFEFF/, "")
  const positions = locateJson({ text: json, label })
  const content: unknown = JSON.parse(json)
  if (!isObject(content)) {
    throw usageError({
      code: "secrets-file-invalid",
      message: `${label}:${positions.of([])}: expected an object of secrets, got ${describe(content)}`,
      hint: 'a secrets.json begins like {"name": {"kind": "Secret", "data": {}}}',
    })
  }
  const problem = (path: JsonPath, message: string): SecretProblem => ({
    path: formatPath(path),
    position: positions.of(path),
    message,
  })
  const entries = Object.entries(content).map(([name, value]): readonly [string, SecretEntry] => {
    const { success, data: entry, error } = entrySchema.safeParse(value)
    if (success) return [name, { status: "ok", data: new Secret<SecretData>(entry.data), condition: entry.condition }]
    const problems = error.issues.map((issue) => problem([name, ...issue.path.filter(isPathPart)], issue.message))
    return [name, { status: "malformed", problems }]
  })
  return {
    label,
    missing: false,
    entries: new Map(entries),
    repeated: positions.repeated.map((path) => problem(path, "stands here twice; the last one counts")),
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isPathPart(part: PropertyKey): part is string | number {
  return typeof part !== "symbol"
}

// Says what kind of value it is, and never the value.
function describe(value: unknown): string {
  if (value === undefined || value === null) return "nothing"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}
