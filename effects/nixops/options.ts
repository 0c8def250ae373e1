import { isAbsolute } from "node:path"
import * as z from "zod/mini"
import { usageError } from "alcides"
import { nixOpsActions } from "./action.ts"
import { closest } from "./closest.ts"

const files = z.array(z.string().check(z.minLength(1, "must name a file")))
const passedOn = z.optional(z.unknown())
const identifier = z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_'-]*$/, "must be a Nix identifier"))

/** What both generations of NixOps have in common; mkEffect looks at the values that are passed on to it. */
export const commonOptions = {
  src: z.string().check(z.refine(isAbsolute, "must be an absolute path, such as import.meta.dirname")),
  prebuild: z.optional(z.boolean()),
  prebuildOnlyNetworkFiles: z.optional(files),
  evalMachineInfo: z.optional(z.string().check(z.refine(isAbsolute, "must be an absolute path"))),
  NIX_PATH: z.optional(z.string()),
  action: z.optional(z.enum(nixOpsActions)),
  allowReboot: z.optional(z.boolean()),
  allowRecreate: z.optional(z.boolean()),
  onMissingState: z.optional(z.enum(["create", "fail"])),
  secretsMap: passedOn,
  userSetup: passedOn,
  lock: passedOn,
  after: passedOn,
  timeout: passedOn,
  env: passedOn,
  passEnv: passedOn,
  inputs: passedOn,
  init: passedOn,
  priorCheck: passedOn,
  effectCheck: passedOn,
}

export const deploymentName = z
  .string()
  .check(
    z.regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, "must begin with a letter, and hold only letters, digits, `_`, `.` and `-`"),
  )
export const networkFiles = files.check(z.minLength(1, "must name a network file"))
export const networkArgs = z.record(identifier, z.json())

/** Throws `effect-invalid`, with what was probably meant, when the options of an effect function do not fit. */
export function assertOptions(
  options: { readonly name?: unknown },
  { effect, schema, docs }: { readonly effect: string; readonly schema: z.ZodMiniObject; readonly docs: string },
): void {
  const parsed = schema.safeParse(options)
  const issue = parsed.error?.issues[0]
  if (issue === undefined) return
  const label = typeof options.name === "string" ? `${effect} ${options.name}` : effect
  const { message, meant } = explain(issue, { options, known: Object.keys(schema.shape) })
  throw usageError({
    code: "effect-invalid",
    message: `${label}: ${message}`,
    hint: meant === undefined ? `see ${docs} for the options` : `did you mean ${meant}?`,
  })
}

type Explanation = { readonly message: string; readonly meant?: string | undefined }

function explain(
  issue: z.core.$ZodIssue,
  { options, known }: { readonly options: object; readonly known: readonly string[] },
): Explanation {
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys
    return { message: `there is no option ${key}`, meant: closest(key, known) }
  }
  const path = issue.path.join(".")
  const given = new Map<PropertyKey, unknown>(Object.entries(options)).get(issue.path[0] ?? "")
  if (issue.code === "invalid_value" && typeof given === "string") {
    const values = issue.values.map(String)
    return {
      message: `${path} ${JSON.stringify(given)} is none of ${values.join(", ")}`,
      meant: closest(given, values),
    }
  }
  const message = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message
  return { message: path === "" ? message : `${path}: ${message}` }
}
