import * as z from "zod"

/** A field that fits on one line; the line break that an editor leaves at its end does not count. */
export const lineField = z
  .string()
  .trim()
  .min(1)
  .regex(/^[^\r\n]*$/, "must be one line")

/** A key or certificate: ends with one line break, and has Unix line breaks, as the programs that read it want. */
export const pemField = z
  .string()
  .trim()
  .min(1)
  .transform((text) => `${text.replaceAll("\r\n", "\n")}\n`)
