import type { AgeKey } from "../state/encryption/age-keys.ts"
import type { PipelineSettings } from "./settings.ts"

/** The recipients that the settings name; `file` is the pipeline file, for messages. */
export function recipientsIn({ encryption }: PipelineSettings, file: string): readonly AgeKey[] {
  return (encryption?.recipients ?? []).map((text, index) => ({
    text,
    where: `${file}: encryption.recipients[${index}]`,
  }))
}
