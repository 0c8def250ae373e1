import { usageError } from "../errors.ts"
import * as z from "../schema.ts"

export type PipelineSettings = {
  /** The state store's URL, unless `--store` or ALCIDES_STATE names another. */
  readonly store?: string
  /** `SITE/OWNER/REPO`, where neither the CI nor git can tell. */
  readonly project?: string
  /** Whom state is encrypted for, unless `--recipient` or the environment names others. */
  readonly encryption?: {
    /** Public age keys, which begin with `age1`. */
    readonly recipients: readonly string[]
  }
}

const settingsSchema = z.strictObject({
  store: z.optional(z.string()),
  project: z.optional(z.string()),
  encryption: z.optional(z.strictObject({ recipients: z.array(z.string()).check(z.minLength(1)) })),
})

/** Checks what a pipeline file gave, which may be plain JavaScript. Throws `pipeline-settings-invalid`. */
export function checkSettings(settings: PipelineSettings): PipelineSettings {
  const parsed = settingsSchema.safeParse(settings)
  if (parsed.success) return settings
  const [issue] = parsed.error.issues
  throw usageError({
    code: "pipeline-settings-invalid",
    message: `the settings of the pipeline${[...(issue?.path ?? []).map((key) => `.${String(key)}`), ": ", issue?.message ?? ""].join("")}`,
    hint: 'write pipeline(…, { store: "s3://…", encryption: { recipients: ["age1…"] } })',
  })
}
