import * as z from "zod/mini"

/** A field that fits on one line; the line break that an editor leaves at its end does not count. */
export const lineField = z.string().check(z.trim(), z.minLength(1), z.regex(/^[^\r\n]*$/, "must be one line"))

/** A key or certificate: ends with one line break, and has Unix line breaks, as the programs that read it want. */
export const pemField = z.pipe(
  z.string().check(z.trim(), z.minLength(1)),
  z.transform((text) => `${text.replaceAll("\r\n", "\n")}\n`),
)
