import { isAbsolute } from "node:path"
import type { Build } from "../nix/build.ts"
import * as z from "../schema.ts"
import type { Effect, Phase, SetupStep } from "./effect.ts"

const phase = z.optional(z.custom<Phase>((value) => typeof value === "function", "must be a function"))

const stateUse = z.strictObject({
  name: z.string(),
  access: z.optional(z.enum(["read", "write"])),
  onMissing: z.optional(z.enum(["create", "fail"])),
  missingMeans: z.optional(z.string()),
  mayBeEmpty: z.optional(z.boolean()),
})

const lockUse = z.strictObject({ name: z.string(), shared: z.optional(z.boolean()) })

const buildTypes: Readonly<Record<string, string>> = { flake: "installable", file: "file", expression: "expression" }

const build = z.custom<Build>(
  (value) => typeof value === "object" && value !== null && "type" in value && hasSource(value.type, value),
  'must be a build, such as { type: "flake", installable: ".#hello" }',
)

function hasSource(type: unknown, value: object): boolean {
  const source = typeof type === "string" && Object.hasOwn(buildTypes, type) ? buildTypes[type] : undefined
  return source !== undefined && Object.hasOwn(value, source)
}

const setupStep = z.custom<SetupStep>(
  (value) => typeof value === "object" && value !== null && "run" in value && "secrets" in value,
  "must be a setup step, such as writeSSHKey()",
)

const secretReference = z.union([z.string().check(z.minLength(1)), z.strictObject({ type: z.literal("GitToken") })])

const variable = z.string().check(z.regex(/^[^=\0]+$/, "must be a name of a variable"))

// What a timer can hold: beyond it, Node's fires at once.
const longestTimeout = 24 * 24 * 3600

/** What `mkEffect` takes, for JavaScript users, too: they have no compiler, and a mistyped option must not pass in silence. */
export const effectOptions = z.strictObject({
  name: z
    .string()
    .check(
      z.regex(
        /^[A-Za-z_][A-Za-z0-9_.-]*$/,
        "must begin with a letter, and hold only letters, digits, `_`, `.` and `-`",
      ),
    ),
  prebuilt: z.optional(oneOrMore(build)),
  src: z.optional(z.string().check(z.refine(isAbsolute, "must be an absolute path, such as import.meta.dirname"))),
  secretsMap: z.optional(z.record(z.string(), secretReference)),
  state: z.optional(oneOrMore(z.union([z.string(), stateUse]))),
  lock: z.optional(oneOrMore(z.union([z.string(), lockUse]))),
  after: z.optional(oneOrMore(z.string())),
  timeout: z.optional(z.number().check(z.positive(), z.maximum(longestTimeout, "must be at most 24 days, in seconds"))),
  env: z.optional(z.record(variable, z.string())),
  passEnv: z.optional(z.array(variable)),
  inputs: z.optional(z.array(z.string())),
  readOnly: z.optional(z.boolean()),
  validate: z.optional(z.custom<Effect["validate"]>((value) => typeof value === "function", "must be a function")),
  init: phase,
  getState: phase,
  userSetup: z.optional(z.array(setupStep)),
  priorCheck: phase,
  effect: z.custom<Phase>((value) => typeof value === "function", "must be a function"),
  putState: phase,
  effectCheck: phase,
})

export type StateUse = string | z.infer<typeof stateUse>

function oneOrMore<T extends z.ZodMiniType>(schema: T): z.ZodMiniUnion<[T, z.ZodMiniArray<T>]> {
  return z.union([schema, z.array(schema)])
}

/** The one mistake worth telling: of a choice of shapes, that of the shape which the value came closest to. */
export function mistakeOf({ issues: [issue] }: Pick<z.core.$ZodError, "issues">): string {
  if (issue === undefined) return "invalid"
  if (issue.code === "unrecognized_keys") {
    return `${at(issue.path)}there is no option ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`
  }
  if (issue.code !== "invalid_union") return `${at(issue.path)}${issue.message}`
  const deepest = issue.errors
    .toSorted((a, b) => closeness(b) - closeness(a))
    .map((issues) => issues.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })))[0]
  return deepest === undefined ? `${at(issue.path)}${issue.message}` : mistakeOf({ issues: deepest })
}

function closeness(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ path, code }) => path.length * 2 + (code === "invalid_type" ? 0 : 1)))
}

function at(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "" : `${path.map(String).join(".")}: `
}
